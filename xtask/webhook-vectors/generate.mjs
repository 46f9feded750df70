// Writes crates/kith-webhooks/tests/data/standard-webhooks-npm.json: what the library signs in each case.
// Run: npm ci && node generate.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'

const here = name => new URL(name, import.meta.url)
const json = name => JSON.parse(readFileSync(here(name)))

const vectors = json('cases.json').map(each => ({
  ...each,
  signature: new Webhook(each.secret).sign(each.id, new Date(each.timestamp * 1000), each.body),
}))
const { name, version } = json('node_modules/standardwebhooks/package.json')
const target = here('../../crates/kith-webhooks/tests/data/standard-webhooks-npm.json')
// One case a line, so that a change shows as what it is.
const lines = vectors.map(each => JSON.stringify(each)).join(',\n')
writeFileSync(target, `{"library":"npm ${name} ${version}","vectors":[\n${lines}\n]}\n`)
