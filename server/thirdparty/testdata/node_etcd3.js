'use strict'
// What the npm package etcd3, a client of API 3, does with a cluster of three members. MEMBERS is as in node_etcd.js.
const test = require('node:test')
const assert = require('node:assert/strict')
const { Etcd3, EtcdLockFailedError } = require('etcd3')

const members = JSON.parse(process.env.MEMBERS)
const limit = { timeout: 60000 } // of one test, in milliseconds
const connect = () => new Etcd3({ hosts: members.map((m) => m.url) })
const client = connect()
test.after(() => client.close())

// next waits for an event; the promise has what the event carries.
const next = (emitter, event) => new Promise((resolve, reject) => {
  emitter.once(event, (...carried) => resolve(carried))
  if (event !== 'error') emitter.once('error', reject)
})

// again repeats what may meet the member that is gone, which the package finds out by a failure.
const again = async (run) => {
  for (let left = 20; ; left--) {
    try {
      return await run()
    } catch (err) {
      if (left === 0) throw err
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}

test('put, get, delete', limit, async () => {
  await client.put('plain/key').value('größer ☃')
  assert.equal(await client.get('plain/key').string(), 'größer ☃')
  const all = client.namespace('many/')
  for (const name of ['c', 'a', 'b']) await all.put(name).value(name)
  assert.deepEqual(await all.getAll().sort('Key', 'Descend').keys(), ['c', 'b', 'a'])
  assert.equal(await all.getAll().count(), 3)
  assert.equal((await client.delete().prefix('many/')).deleted, '3')
  assert.equal(await all.get('a').string(), null)
})

test('transactions', limit, async () => {
  await client.put('txn').value('1')
  const attempt = (old, value) => client.if('txn', 'Value', '==', old)
    .then(client.put('txn').value(value)).else(client.get('txn')).commit()
  assert.equal((await attempt('1', '2')).succeeded, true)
  assert.equal((await attempt('1', '3')).succeeded, false)
  await client.put('counter').value('0')
  const count = () => client.stm({ retries: 50 }).transact(async (tx) => {
    await tx.put('counter').value(String(await tx.get('counter').number() + 1))
  })
  await Promise.all(Array.from({ length: 10 }, count))
  assert.equal(await client.get('counter').number(), 10)
})

test('watch', limit, async () => {
  const watcher = await client.watch().prefix('watched/').withPreviousKV().create()
  const seen = []
  watcher.on('put', (kv) => seen.push(kv.value.toString()))
  const deleted = next(watcher, 'delete')
  for (let i = 0; i < 20; i++) await client.put('watched/key').value(String(i))
  await client.delete().key('watched/key')
  assert.equal((await deleted)[1].value.toString(), '19')
  assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => String(i)))
  await watcher.cancel()
})

test('leases', limit, async () => {
  const lease = client.lease(300, { autoKeepAlive: false })
  await lease.put('leased').value('1')
  assert.equal((await lease.keepaliveOnce()).TTL, '300')
  await lease.revoke()
  assert.equal(await client.get('leased').string(), null)

  const watcher = await client.watch().key('short').create()
  const expired = next(watcher, 'delete')
  const short = client.lease(1, { autoKeepAlive: false })
  await short.put('short').value('1')
  await expired
  short.release()
  await watcher.cancel()
})

test('locks', limit, async () => {
  const lock = client.lock('lock').ttl(60)
  await lock.acquire()
  await assert.rejects(connect().lock('lock').acquire(), EtcdLockFailedError)
  await lock.release()
  await client.lock('lock').ttl(60).do(async () => {})
})

test('an election, and the leader is lost', limit, async () => {
  // Each of the campaigns has a lease that lives on while its client does.
  const [first, second] = [connect(), connect()]
  const leading = first.election('election', 5).campaign('first')
  await next(leading, 'elected')
  const waiting = second.election('election', 5).campaign('second')
  const elected = next(waiting, 'elected')
  await waiting.getCampaignKey()
  process.kill(members[0].pid, 'SIGKILL') // the members' leader or not: the campaigns are to outlive it
  assert.equal(await again(() => client.election('election').leader()), 'first')
  await again(() => leading.resign())
  await elected
  assert.equal(await again(() => client.election('election').leader()), 'second')
  await again(() => waiting.resign())
  first.close()
  second.close()
})
