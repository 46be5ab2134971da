'use strict'
// What the npm package node-etcd does with a cluster of three members.
//
// MEMBERS is JSON: a list of {name, url, pid}. With TLS, JSON of {ca, cert, key} (files), the members ask for a client's certificate and
// only a little is tested; without it everything is, and the end of a member comes last.
const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const Etcd = require('node-etcd')

const members = JSON.parse(process.env.MEMBERS)
const urls = members.map((m) => m.url)
const tls = process.env.TLS && Object.fromEntries(
  Object.entries(JSON.parse(process.env.TLS)).map(([name, file]) => [name, fs.readFileSync(file)]))
const limit = { timeout: 60000 } // of one test, in milliseconds

const connect = (hosts = urls[0], options = {}) => new Etcd(hosts, { ...tls, ...options })
const etcd = connect()

// call runs a method that takes a callback; the promise has the body and, as its property, the headers.
const call = (client, method, ...args) => new Promise((resolve, reject) => {
  client[method](...args, (err, body, headers) => err ? reject(err) : resolve(Object.assign(Object(body), { headers })))
})

// next waits for an event of a watcher.
const next = (watcher, event) => new Promise((resolve, reject) => {
  watcher.once(event, resolve)
  watcher.once('error', reject)
})

// refused checks the error that a call ends with.
const refused = (promise, errorCode) => assert.rejects(promise, (err) => {
  assert.equal(err.errorCode, errorCode)
  assert.equal(typeof err.error.cause, 'string')
  assert.ok(err.error.index > 0)
  return true
})

test('set, get, delete', limit, async () => {
  const made = await call(etcd, 'set', '/plain/key', 'größer ☃')
  assert.equal(made.action, 'set')
  const read = await call(etcd, 'get', 'plain/key')
  assert.equal(read.node.value, 'größer ☃')
  assert.equal(read.node.modifiedIndex, made.node.modifiedIndex)
  assert.ok(Number(read.headers['x-etcd-index']) >= made.node.modifiedIndex)
  assert.match(read.headers['x-etcd-cluster-id'], /^[0-9a-f]+$/)
  const gone = await call(etcd, 'del', 'plain/key')
  assert.equal(gone.prevNode.value, 'größer ☃')
  await refused(call(etcd, 'get', 'plain/key'), 100)
  await refused(call(etcd, 'del', 'plain/key'), 100)
})

if (tls) {
  test('watch over TLS', limit, async () => {
    const watcher = etcd.watcher('secure')
    const seen = next(watcher, 'set')
    // The watcher may not have reached the server yet: sets are repeated until one is seen.
    const repeat = setInterval(() => etcd.set('secure', '1'), 200)
    const event = await seen
    clearInterval(repeat)
    watcher.stop()
    assert.equal(event.node.value, '1')
  })
  test('without the certificate', limit, async () => {
    const stranger = new Etcd(urls[0], { ca: tls.ca })
    await assert.rejects(call(stranger, 'get', 'plain', { maxRetries: 0 }), /All servers returned error/)
  })
} else {
  everything()
}

function everything () {
  test('directories', limit, async () => {
    assert.equal((await call(etcd, 'mkdir', 'dir')).node.dir, true)
    await refused(call(etcd, 'mkdir', 'dir'), 102)
    for (const name of ['b', 'a', 'sub/c', '_hidden']) await call(etcd, 'set', 'dir/' + name, name)
    const listed = await call(etcd, 'get', 'dir', { recursive: true, sorted: true })
    assert.deepEqual(listed.node.nodes.map((n) => n.key), ['/dir/a', '/dir/b', '/dir/sub'])
    assert.equal(listed.node.nodes[2].nodes[0].value, 'sub/c')
    await refused(call(etcd, 'set', 'dir', 'value'), 102)
    await refused(call(etcd, 'set', 'dir/a/below', 'value'), 104)
    await refused(call(etcd, 'rmdir', 'dir'), 108)
    assert.equal((await call(etcd, 'rmdir', 'dir', { recursive: true })).action, 'delete')
    await refused(call(etcd, 'get', 'dir'), 100)
  })

  test('in-order keys', limit, async () => {
    const made = []
    for (let i = 0; i < 5; i++) made.push((await call(etcd, 'create', 'queue', String(i))).node.key)
    const listed = await call(etcd, 'get', 'queue', { sorted: true })
    assert.deepEqual(listed.node.nodes.map((n) => n.key), made)
    assert.deepEqual(listed.node.nodes.map((n) => n.value), ['0', '1', '2', '3', '4'])
  })

  test('compare and swap, compare and delete', limit, async () => {
    assert.equal((await call(etcd, 'set', 'cas', '1', { prevExist: false })).action, 'create')
    await refused(call(etcd, 'set', 'cas', '2', { prevExist: false }), 105)
    const swapped = await call(etcd, 'compareAndSwap', 'cas', '2', '1')
    assert.equal(swapped.action, 'compareAndSwap')
    await refused(call(etcd, 'testAndSet', 'cas', '3', '1'), 101)
    await call(etcd, 'set', 'cas', '3', { prevIndex: swapped.node.modifiedIndex })
    await refused(call(etcd, 'compareAndDelete', 'cas', '2'), 101)
    assert.equal((await call(etcd, 'compareAndDelete', 'cas', '3')).action, 'compareAndDelete')
  })

  test('a key expires', limit, async () => {
    const made = await call(etcd, 'set', 'short', '1', { ttl: 2 })
    assert.equal(made.node.ttl, 2)
    assert.ok(Date.parse(made.node.expiration) > 0)
    const event = await call(etcd, 'watchIndex', 'short', made.node.modifiedIndex + 1)
    assert.equal(event.action, 'expire')
    await refused(call(etcd, 'get', 'short'), 100)
  })

  test('a TTL is refreshed', limit, async () => {
    await call(etcd, 'set', 'kept', '1', { ttl: 10 })
    const refreshed = await call(etcd, 'set', 'kept', null, { ttl: 300, refresh: true, prevExist: true })
    assert.equal(refreshed.node.value, '1')
    assert.equal(refreshed.node.ttl, 300)
  })

  test('synchronous calls', limit, () => {
    assert.equal(etcd.setSync('sync', '1').body.action, 'set')
    assert.equal(etcd.getSync('sync').body.node.value, '1')
    assert.equal(etcd.delSync('sync').err, null)
    assert.equal(etcd.getSync('sync').err.errorCode, 100)
    assert.equal(etcd.mkdirSync('syncdir').body.node.dir, true)
    assert.equal(etcd.rmdirSync('syncdir').body.action, 'delete')
  })

  test('watcher: every change, in order, on all members', limit, async () => {
    const start = await call(etcd, 'mkdir', 'watched')
    for (const url of urls) {
      const watcher = connect(url).watcher('watched', start.node.modifiedIndex + 1, { recursive: true })
      const seen = []
      watcher.on('change', (e) => seen.push(e.action))
      const expired = next(watcher, 'expire')
      if (url === urls[0]) {
        await call(etcd, 'set', 'watched/a', '1')
        await call(etcd, 'compareAndSwap', 'watched/a', '2', '1')
        await call(etcd, 'create', 'watched/queue', 'x')
        await call(etcd, 'del', 'watched/a')
        await call(etcd, 'set', 'watched/b', '1', { ttl: 1 })
      }
      assert.equal((await expired).node.key, '/watched/b')
      watcher.stop()
      assert.deepEqual(seen, ['set', 'compareAndSwap', 'create', 'delete', 'set', 'expire'])
    }
  })

  test('watcher: stop', limit, async () => {
    const watcher = etcd.watcher('stopped')
    const stopped = next(watcher, 'stop')
    watcher.on('change', () => assert.fail('a stopped watcher saw a change'))
    watcher.stop()
    await stopped
    await call(etcd, 'set', 'stopped', '1')
  })

  test('watcher: resync after the history has moved on', limit, async () => {
    const first = await call(etcd, 'set', 'old', '0')
    for (let i = 0; i < 1100; i += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, j) => call(etcd, 'set', 'flood/' + j, String(i))))
    }
    const watcher = etcd.watcher('old', first.node.modifiedIndex)
    const lost = await next(watcher, 'resync')
    assert.equal(lost.errorCode, 401)
    const event = next(watcher, 'change')
    await call(etcd, 'set', 'old', 'new')
    assert.equal((await event).node.value, 'new')
    watcher.stop()
  })

  test('a watch is canceled', limit, async () => {
    const token = etcd.watch('canceled', () => assert.fail('a canceled watch called back'))
    token.cancel()
    assert.equal(token.isAborted(), true)
    await call(etcd, 'set', 'canceled', '1')
  })

  test('machines and leader', limit, async () => {
    // The package asks under the names of etcd 0.4; etcd since 2.0 answers under others.
    await refused(call(etcd, 'machines'), 100)
    assert.match(String(await call(etcd, 'leader')), /404/)
    const machines = String(await call(etcd, 'raw', 'GET', 'v2/machines', null, {}))
    assert.deepEqual(machines.split(', ').sort(), [...urls].sort())
    const listed = await call(etcd, 'raw', 'GET', 'v2/members', null, {})
    assert.deepEqual(listed.members.map((m) => m.name).sort(), members.map((m) => m.name).sort())
    const leader = await call(etcd, 'raw', 'GET', 'v2/members/leader', null, {})
    assert.ok(listed.members.some((m) => m.id === leader.id))
  })

  test('statistics', limit, async () => {
    const leader = await call(etcd, 'raw', 'GET', 'v2/members/leader', null, {})
    for (const url of urls) {
      const own = await call(connect(url), 'selfStats')
      assert.equal(own.leaderInfo.leader, leader.id)
      assert.equal(own.state, own.id === leader.id ? 'StateLeader' : 'StateFollower')
      const stats = await call(connect(url), 'leaderStats')
      if (own.id === leader.id) {
        assert.equal(Object.keys(stats.followers).length, 2)
      } else {
        assert.match(stats.message, /not current leader/)
      }
    }
    const version = await call(etcd, 'version')
    assert.match(version.etcdserver, /^3\.\d+\.\d+/)
  })

  test('a member is lost', limit, async () => {
    const client = connect(urls)
    await call(client, 'set', 'survives', '0')
    // The package draws a member for each request: of so many watchers some have drawn the one that ends.
    const watchers = Array.from({ length: 8 }, () => client.watcher('survives'))
    const seen = Promise.all(watchers.map((w) => next(w, 'change')))
    process.kill(members[0].pid, 'SIGKILL')
    // Until the others have a leader a set may fail, and a watcher that comes back sees only what is set after that.
    for (let i = 1; ; i++) {
      await call(client, 'set', 'survives', String(i)).catch(() => null)
      if (await Promise.race([seen, new Promise((resolve) => setTimeout(resolve, 200))])) break
    }
    watchers.forEach((w) => w.stop())
    const read = await call(client, 'get', 'survives', { quorum: true })
    assert.notEqual(read.node.value, '0')
  })
}
