// compose.mjs MODEL CHECKOUT: our own rules for deploy/local/compose.yaml, on the model that Docker
// Compose made of it (`config --format json`), where anchors, defaults and short forms are resolved.
import { existsSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { relative } from 'node:path'

const [modelFile, checkout] = process.argv.slice(2)
const { services, secrets } = JSON.parse(readFileSync(modelFile, 'utf8'))
const faults = []
const OURS = 'phantom-worker:local'
// What deploy/local/compose/prepare makes is not there in a fresh clone.
const MADE = 'deploy/local/compose/secrets/'

for (const [name, service] of Object.entries(services)) {
  const fault = (text) => faults.push(`${name}: ${text}`)
  if (!/:[^:/]*\d/.test(service.image) && service.image !== OURS) fault(`the image ${service.image} has no version`)
  for (const port of service.ports ?? []) {
    if (port.host_ip !== '127.0.0.1') fault(`port ${port.published} is not on the loopback address alone`)
  }
  for (const mount of service.volumes ?? []) {
    if (mount.type !== 'bind') continue
    if (!mount.read_only) fault(`${mount.source} is mounted writable`)
    if (!relative(checkout, mount.source).startsWith(MADE)) {
      if (!existsSync(mount.source)) fault(`${mount.source} is not there`)
    } else if (mount.bind?.create_host_path) fault(`without prepare, Docker makes a folder ${mount.source}`)
  }
  for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
    if (condition === 'service_healthy' && !services[other].healthcheck) fault(`waits for the health of ${other}, which has no check`)
    if (condition === 'service_started') fault(`waits for ${other} to start, which says nothing`)
  }
  if (!service.security_opt?.includes('no-new-privileges:true')) fault('may gain privileges')
  if (service.image === OURS) {
    if (service.user !== '65532:65532') fault('is not the user of the image')
    if (!service.read_only) fault('may write to its root')
    if (service.cap_drop?.join() !== 'ALL' || service.cap_add) fault('keeps capabilities')
  }
}

// prepare has to make each secret, and nothing that nobody asks for.
const folder = `${checkout}/target/compose/secrets`
execFileSync(`${checkout}/deploy/local/compose/prepare`, [folder], { stdio: 'ignore' })
for (const [name, { file }] of Object.entries(secrets)) {
  if (!relative(checkout, file).startsWith(MADE)) faults.push(`secret ${name}: is not in ${MADE}`)
  if (!existsSync(`${folder}/${name}`)) faults.push(`secret ${name}: deploy/local/compose/prepare makes none`)
}

for (const fault of faults) console.error(`deploy/local/compose.yaml: ${fault}`)
process.exit(faults.length > 0 ? 1 : 0)
