// SPDX-License-Identifier: MIT
// A genuine node of iroh 1.0 (the native part of the package @number0/iroh) for the tests. It reads commands, one JSON
// object a line, and answers each with one. Until its input ends it returns what others send it on a stream, so that
// two of them can talk.
//
//   node iroh_node.js RELAY_URL [SECRET_KEY_HEX]     first answer: {id}, when the relay has let it in
//   {to: ID, octets: N}    sends N octets to that node on a stream, and compares what comes back:
//                          {equal, relayed} (relayed: the relay is the only way there is)
//   with anew: true        not on the connection of before
'use strict'
const crypto = require('node:crypto')
const readline = require('node:readline')
const { Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey } = require('@number0/iroh-linux-x64-gnu')

const ALPN = Array.from(Buffer.from('martlet/echo'))
const [url, secret] = process.argv.slice(2)
const connections = new Map()

function say(answer) {
  process.stdout.write(JSON.stringify(answer) + '\n')
}

async function echoStreams(connection) {
  for (;;) {
    const stream = await connection.acceptBi()
    const octets = await stream.recv.readToEnd(10_000_000)
    await stream.send.writeAll(octets)
    await stream.send.finish()
  }
}

async function serve(endpoint) {
  for (;;) {
    const incoming = await endpoint.acceptNext()
    if (incoming === null) return
    incoming
      .accept()
      .then((accepting) => accepting.connect())
      .then(echoStreams)
      .catch(() => {}) // the other one has gone
  }
}

async function connectionTo(endpoint, id, anew) {
  const known = connections.get(id)
  if (!anew && known !== undefined && known.closeReason() === null) return known
  const made = await endpoint.connect(new EndpointAddr(EndpointId.fromString(id), url, []), ALPN)
  connections.set(id, made)
  return made
}

async function send(endpoint, { to, octets, anew }) {
  const connection = await connectionTo(endpoint, to, anew)
  const stream = await connection.openBi()
  const sent = Array.from(crypto.randomBytes(octets))
  await stream.send.writeAll(sent)
  await stream.send.finish()
  const back = await stream.recv.readToEnd(octets + 1)
  const paths = connection.paths()
  return {
    equal: Buffer.from(sent).equals(Buffer.from(back)),
    relayed: paths.length > 0 && paths.every((path) => path.isRelay),
  }
}

async function main() {
  const builder = Endpoint.builder()
  builder.applyMinimal()
  builder.relayMode(RelayMode.customFromUrls([url]))
  builder.alpns([ALPN])
  builder.secretKey(secret ? Array.from(Buffer.from(secret, 'hex')) : SecretKey.generate().toBytes())
  const endpoint = await builder.bind()
  serve(endpoint)
  await endpoint.online()
  say({ id: endpoint.id().toString() })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      say(await send(endpoint, JSON.parse(line)))
    } catch (error) {
      say({ error: String(error) })
    }
  }
  await endpoint.close()
  process.exit(0)
}

main()
