// sbom.mjs PROGRAM SBOM: does the bill of materials name what the program carries in itself?
//
// `cargo auditable` leaves in the program, in the section .dep-v0, which packages were linked in:
// JSON, packed by zlib. The bill may name more (what only build scripts need), and never less. What is
// of the system the program does not know: that they are there is all that can be asked.
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'

const [program, sbom] = process.argv.slice(2)
const fail = (text) => {
  console.error(text)
  process.exit(1)
}

// ELF of 64 bits, little-endian: the table of sections, whose names are in a section themselves.
function section(file, wanted) {
  const table = Number(file.readBigUInt64LE(0x28))
  const [size, count, names] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c), file.readUInt16LE(0x3e)]
  const header = (index) => {
    const at = table + index * size
    return {
      name: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 0x18)),
      size: Number(file.readBigUInt64LE(at + 0x20)),
    }
  }
  const text = header(names)
  for (let index = 0; index < count; index++) {
    const { name, offset, size } = header(index)
    const start = text.offset + name
    if (file.toString('latin1', start, file.indexOf(0, start)) === wanted) return file.subarray(offset, offset + size)
  }
  return fail(`${program} has no section ${wanted}: was it built by cargo auditable?`)
}

const carried = JSON.parse(inflateSync(section(readFileSync(program), '.dep-v0')).toString()).packages
const bill = JSON.parse(readFileSync(sbom, 'utf8'))
if (bill.bomFormat !== 'CycloneDX' || !Array.isArray(bill.components)) fail(`${sbom} is no bill of materials`)
const named = new Set([bill.metadata.component, ...bill.components].map(({ name, version }) => `${name} ${version}`))
const linked = carried.filter(({ kind }) => kind !== 'build').map(({ name, version }) => `${name} ${version}`)
const unnamed = linked.filter((each) => !named.has(each))

const purls = bill.components.map(({ purl }) => purl)
const ofTheSystem = { glibc: /[/=]glibc\b/, gcc: /[/=]gcc\b/, rust: /generic\/rust@/, 'ca-certificates': /\/ca-certificates@/ }
const missing = Object.keys(ofTheSystem).filter((part) => !purls.some((purl) => ofTheSystem[part].test(purl)))

if (linked.length === 0) fail(`nothing was linked into ${program}`)
console.log(`        ${linked.length} packages linked into the program, ${named.size} named in the bill, with what is of the system`)
if (unnamed.length + missing.length > 0) fail(`not named: ${[...unnamed, ...missing].join(', ')}`)
