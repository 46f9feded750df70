// The receiver of the documentation: `verify` as it stands there, without its types.
// Reads {rawBody, received, secret} and says whether the signature is good.
import crypto from 'crypto'
import { readFileSync } from 'fs'

function verify(rawBody, received, secret) {
  const expected = crypto.createHmac('sha256', secret).update(rawBody).digest('hex')
  return crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(received))
}

const { rawBody, received, secret } = JSON.parse(readFileSync(0, 'utf8'))
console.log(verify(rawBody, received, secret))
