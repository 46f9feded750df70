// Writes crates/kith-domain/tests/data/notes-golden.json: what Tiptap's own Markdown extension makes of each case.
// Run: npm ci && node generate.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { Window } from 'happy-dom'

// The extension reads inline HTML with the browser's DOM parser.
const window = new Window()
Object.assign(globalThis, { window, document: window.document, DOMParser: window.DOMParser })

const { MarkdownManager } = await import('@tiptap/markdown')
const { StarterKit } = await import('@tiptap/starter-kit')
const { TaskItem, TaskList } = await import('@tiptap/extension-list')
const { TableKit } = await import('@tiptap/extension-table')
const { default: Image } = await import('@tiptap/extension-image')
const { documents } = await import('./cases/documents.mjs')
const { markdown } = await import('./cases/markdown.mjs')

// StarterKit brings Underline and Link along.
const manager = new MarkdownManager({
  extensions: [StarterKit, TaskList, TaskItem.configure({ nested: true }), TableKit, Image],
})
const version = name => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

const golden = {
  versions: Object.fromEntries(['@tiptap/markdown', '@tiptap/starter-kit', 'marked', 'happy-dom'].map(name => [name, version(name)])),
  // Markdown, the document it is read as, and that document written again.
  markdown: markdown.map(([name, text]) => {
    const document = manager.parse(text)
    return { name, markdown: text, document, rendered: manager.serialize(document) }
  }),
  // A document and the Markdown it is written as.
  documents: documents.map(([name, document]) => ({ name, document, rendered: manager.serialize(document) })),
}
for (const list of [golden.markdown, golden.documents]) {
  const names = list.map(each => each.name)
  const twice = names.filter((name, index) => names.indexOf(name) !== index)
  if (twice.length > 0) throw new Error(`names used twice: ${twice.join(', ')}`)
}

const target = process.argv[2] ?? new URL('../../crates/kith-domain/tests/data/notes-golden.json', import.meta.url)
// One case a line, so that a change shows as what it is.
const list = cases => `[\n${cases.map(each => JSON.stringify(each)).join(',\n')}\n]`
const parts = [['versions', JSON.stringify(golden.versions)], ['markdown', list(golden.markdown)], ['documents', list(golden.documents)]]
writeFileSync(target, `{\n${parts.map(([name, value]) => `"${name}": ${value}`).join(',\n')}\n}\n`)
console.log(`${golden.markdown.length} texts and ${golden.documents.length} documents`)
process.exit(0)
