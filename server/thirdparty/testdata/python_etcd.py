"""What Debian's python3-etcd does with a cluster of three members.

MEMBERS is JSON: a list of {"name", "url", "pid"}. The names of test classes on the command line choose what runs, in that order.
"""
import json
import multiprocessing
import os
import signal
import threading
import time
import unittest
import uuid
from urllib.parse import urlparse

import etcd
from etcd.auth import Auth as AuthSwitch, EtcdRole, EtcdUser

MEMBERS = json.loads(os.environ["MEMBERS"])
HOSTS = tuple((urlparse(m["url"]).hostname, urlparse(m["url"]).port) for m in MEMBERS)
LIMIT = 60  # seconds that anything may take
TTL = 4  # of an elected leader, in seconds; a busy machine can be late with a refresh


def connect(member=0, **options):
    host, port = HOSTS[member]
    return etcd.Client(host=host, port=port, read_timeout=LIMIT, **options)


def until(condition, what):
    """Polls until the condition returns something true, and returns that."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("timed out waiting for " + what)


class Case(unittest.TestCase):
    """A case has a directory to itself."""

    def setUp(self):
        self.client = connect()
        self.dir = "/%s-%s" % (self.id().split(".")[-1], uuid.uuid4().hex[:8])
        self.key = self.dir + "/key"

    def in_background(self, run):
        """Runs a function in a thread; the returned function waits for its result."""
        results = []
        thread = threading.Thread(target=lambda: results.append(run()), daemon=True)
        thread.start()

        def wait():
            thread.join(LIMIT)
            self.assertEqual(len(results), 1, "the thread ended without a result, or not at all")
            return results[0]
        return wait


class Keys(Case):
    def test_write_and_read(self):
        made = self.client.write(self.key, "grün ☃")
        self.assertEqual((made.action, made.newKey, made.value), ("set", True, "grün ☃"))
        read = self.client.read(self.key)
        self.assertEqual((read.key, read.value, read.dir, read.ttl), (self.key, "grün ☃", False, None))
        self.assertEqual((read.modifiedIndex, read.createdIndex), (made.modifiedIndex, made.createdIndex))
        self.assertGreaterEqual(read.etcd_index, read.modifiedIndex)
        again = self.client.write(self.key, "2")
        self.assertFalse(again.newKey)
        self.assertEqual(again._prev_node.value, "grün ☃")
        self.assertGreater(again.modifiedIndex, read.modifiedIndex)

    def test_missing_key(self):
        with self.assertRaises(etcd.EtcdKeyNotFound) as caught:
            self.client.read(self.key)
        self.assertEqual(caught.exception.payload["errorCode"], 100)
        self.assertEqual(caught.exception.payload["cause"], self.dir)
        self.assertNotIn(self.key, self.client)
        self.client.write(self.key, "1")
        self.assertIn(self.key, self.client)

    def test_directories(self):
        self.client.write(self.dir, None, dir=True)
        self.assertTrue(self.client.read(self.dir).dir)
        for name in ("c", "a", "b/deep/er", "_hidden"):
            self.client.write(self.dir + "/" + name, name)
        listed = self.client.read(self.dir, recursive=True, sorted=True)
        self.assertEqual([(r.key, r.value) for r in listed.leaves],
                         [(self.dir + "/" + name, name) for name in ("a", "b/deep/er", "c")])
        with self.assertRaises(etcd.EtcdNotFile):
            self.client.write(self.dir, "a value")
        with self.assertRaises(etcd.EtcdNotDir):
            self.client.write(self.dir + "/a/below", "1")
        with self.assertRaises(etcd.EtcdNotFile):
            self.client.delete(self.dir)
        with self.assertRaises(etcd.EtcdDirNotEmpty):
            self.client.delete(self.dir, dir=True)
        self.assertEqual(self.client.delete(self.dir, recursive=True).action, "delete")
        self.assertNotIn(self.dir, self.client)
        with self.assertRaises(etcd.EtcdRootReadOnly):
            self.client.delete("/", recursive=True)

    def test_in_order_keys(self):
        made = [self.client.write(self.dir, str(i), append=True) for i in range(10)]
        self.assertEqual({r.action for r in made}, {"create"})
        listed = self.client.read(self.dir, sorted=True)
        self.assertEqual([r.value for r in listed.leaves], [str(i) for i in range(10)])
        self.assertEqual([r.key for r in listed.leaves], sorted(r.key for r in made))

    def test_compare_and_swap(self):
        first = self.client.write(self.key, "1", prevExist=False)
        self.assertEqual(first.action, "create")
        with self.assertRaises(etcd.EtcdAlreadyExist):
            self.client.write(self.key, "2", prevExist=False)
        self.assertEqual(self.client.test_and_set(self.key, "2", "1").action, "compareAndSwap")
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.test_and_set(self.key, "3", "1")
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.write(self.key, "3", prevIndex=first.modifiedIndex)
        now = self.client.read(self.key)
        now.value = "3"
        self.assertEqual(self.client.update(now).action, "compareAndSwap")
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.update(now)  # its index is the former one
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.write(self.key + "-none", "1", prevExist=True)

    def test_compare_and_delete(self):
        self.client.write(self.key, "1")
        with self.assertRaises(etcd.EtcdCompareFailed):
            self.client.delete(self.key, prevValue="2")
        self.assertEqual(self.client.delete(self.key, prevValue="1").action, "compareAndDelete")
        self.client.write(self.key, "2")
        self.assertEqual(self.client.pop(self.key).value, "2")
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.delete(self.key)

    def test_every_member_answers(self):
        for i, member in enumerate(HOSTS):
            connect(i).write(self.key, str(member))
            for j in range(len(HOSTS)):
                self.assertEqual(connect(j).read(self.key, quorum=True).value, str(member))

    def test_counter_of_many(self):
        """Increments by compare-and-swap in threads on all members: none is lost."""
        self.client.write(self.key, "0")

        def count(member):
            client = connect(member)
            for _ in range(10):
                while True:
                    now = client.read(self.key, quorum=True)
                    try:
                        client.write(self.key, str(int(now.value) + 1), prevIndex=now.modifiedIndex)
                        break
                    except etcd.EtcdCompareFailed:
                        pass
            return True
        for wait in [self.in_background(lambda i=i: count(i)) for i in range(len(HOSTS))]:
            wait()
        self.assertEqual(self.client.read(self.key, quorum=True).value, str(10 * len(HOSTS)))


class Watches(Case):
    def test_long_poll(self):
        index = self.client.write(self.key, "1").modifiedIndex
        event = self.in_background(lambda: connect(1).watch(self.key, index=index + 1))
        self.client.write(self.key, "2")
        found = event()
        self.assertEqual((found.action, found.value, found._prev_node.value), ("set", "2", "1"))

    def test_nothing_happens(self):
        self.client.write(self.key, "1")
        with self.assertRaises(etcd.EtcdWatchTimedOut):
            self.client.watch(self.key, timeout=0.5)

    def test_from_the_history(self):
        index = self.client.write(self.dir + "/a", "1").modifiedIndex
        self.client.write(self.dir + "/a", "2")
        self.client.delete(self.dir + "/a")
        actions = [self.client.watch(self.dir, index=index, recursive=True)]
        while len(actions) < 3:
            actions.append(self.client.watch(self.dir, index=actions[-1].modifiedIndex + 1, recursive=True))
        self.assertEqual([a.action for a in actions], ["set", "set", "delete"])

    def test_eternal_watch(self):
        index = self.client.write(self.dir, None, dir=True).modifiedIndex
        seen = []

        def follow():
            for event in connect(2).eternal_watch(self.dir, index=index + 1, recursive=True):
                seen.append((event.action, event.key, event.value))
                if event.action == "delete":
                    return True
        done = self.in_background(follow)
        expected = []
        for i in range(50):
            key = "%s/%d" % (self.dir, i)
            self.client.write(key, str(i))
            expected.append(("set", key, str(i)))
        self.client.delete(self.dir, recursive=True)
        done()
        self.assertEqual(seen[:-1], expected)
        self.assertEqual(seen[-1][:2], ("delete", self.dir))


class Expiry(Case):
    def test_key_expires(self):
        made = self.client.write(self.key, "1", ttl=2)
        self.assertEqual(made.ttl, 2)
        self.assertIsNotNone(made.expiration)
        event = self.client.watch(self.key, index=made.modifiedIndex + 1)
        self.assertEqual((event.action, event._prev_node.value), ("expire", "1"))
        self.assertNotIn(self.key, self.client)

    def test_directory_expires(self):
        made = self.client.write(self.dir, None, dir=True, ttl=4)
        self.client.write(self.key, "1")
        self.assertLessEqual(self.client.read(self.dir).ttl, 4)
        event = self.client.watch(self.dir, index=made.modifiedIndex + 1, recursive=True)
        while event.action != "expire":
            event = self.client.watch(self.dir, index=event.modifiedIndex + 1, recursive=True)
        self.assertEqual(event.key, self.dir)
        self.assertNotIn(self.key, self.client)

    def test_refresh_wakes_nobody(self):
        made = self.client.write(self.key, "1", ttl=4)
        refreshed = self.client.refresh(self.key, ttl=300)
        self.assertEqual((refreshed.value, refreshed.ttl), ("1", 300))
        self.assertGreater(refreshed.modifiedIndex, made.modifiedIndex)
        with self.assertRaises(etcd.EtcdWatchTimedOut):
            self.client.watch(self.key, index=made.modifiedIndex + 1, timeout=6)
        self.assertGreater(self.client.read(self.key).ttl, 200)
        with self.assertRaises(etcd.EtcdKeyNotFound):
            self.client.refresh(self.key + "-none", ttl=5)

    def test_ttl_is_taken_off(self):
        self.client.write(self.key, "1", ttl=4)
        changed = self.client.write(self.key, "2", prevExist=True)
        self.assertIsNone(changed.ttl)
        with self.assertRaises(etcd.EtcdWatchTimedOut):
            self.client.watch(self.key, index=changed.modifiedIndex + 1, timeout=6)
        self.assertEqual(self.client.read(self.key).value, "2")


def hold_lock(name, hosts, log, rounds):
    """Takes and leaves a lock; a process writes what it does into the log, a directory of in-order keys."""
    client = etcd.Client(host=hosts[0], port=hosts[1], read_timeout=LIMIT)
    for _ in range(rounds):
        lock = etcd.Lock(client, name)
        assert lock.acquire(lock_ttl=60)
        client.write(log, "in", append=True)
        client.write(log, "out", append=True)
        lock.release()


class Recipes(Case):
    def test_lock_of_processes(self):
        name, log = self.dir[1:], self.dir + "/log"
        fork = multiprocessing.get_context("fork")
        processes = [fork.Process(target=hold_lock, args=(name, host, log, 4)) for host in HOSTS]
        for p in processes:
            p.start()
        for p in processes:
            p.join(LIMIT)
            self.assertEqual(p.exitcode, 0)
        happened = [r.value for r in self.client.read(log, sorted=True, quorum=True).leaves]
        self.assertEqual(happened, ["in", "out"] * 4 * len(HOSTS), "two held the lock at once")

    def test_lock_of_threads(self):
        first, second = etcd.Lock(self.client, self.dir[1:]), etcd.Lock(connect(1), self.dir[1:])
        self.assertTrue(first.acquire(lock_ttl=60))
        self.assertTrue(first.is_acquired)
        self.assertFalse(second.acquire(blocking=False))
        self.assertFalse(second.is_acquired)
        waiting = self.in_background(lambda: second.acquire(lock_ttl=60))
        first.release()
        self.assertTrue(waiting())
        self.assertTrue(second.is_acquired)
        second.release()
        with etcd.Lock(self.client, self.dir[1:]) as held:
            self.assertTrue(held.is_acquired)

    def test_lock_of_the_dead(self):
        dead, heir = etcd.Lock(self.client, self.dir[1:]), etcd.Lock(connect(1), self.dir[1:])
        self.assertTrue(dead.acquire(lock_ttl=4))
        self.assertTrue(heir.acquire(lock_ttl=60))
        until(lambda: not dead.is_acquired, "an end of the first lock")

    def test_election(self):
        """A key with a TTL has one owner; when that stops refreshing, one of the others gets it."""
        def run(client, name):
            try:
                client.write(self.key, name, prevExist=False, ttl=TTL)
                return True
            except etcd.EtcdAlreadyExist:
                return False
        clients = [connect(i) for i in range(3)]
        self.assertEqual([run(c, str(i)) for i, c in enumerate(clients)], [True, False, False])
        held = time.monotonic() + 1.5 * TTL
        while time.monotonic() < held:
            clients[0].write(self.key, "0", prevValue="0", ttl=TTL)
            self.assertFalse(run(clients[1], "1"))
            time.sleep(0.5)
        won = until(lambda: [i for i in (1, 2) if run(clients[i], str(i))], "another leader")
        self.assertEqual(self.client.read(self.key, quorum=True).value, str(won[0]))
        with self.assertRaises(etcd.EtcdCompareFailed):
            clients[0].write(self.key, "0", prevValue="0", ttl=TTL)


class Cluster(Case):
    def test_members(self):
        members = self.client.members
        self.assertEqual(sorted(m["name"] for m in members.values()), sorted(m["name"] for m in MEMBERS))
        self.assertEqual(sorted(u for m in members.values() for u in m["clientURLs"]), sorted(m["url"] for m in MEMBERS))
        self.assertEqual(sorted(self.client.machines), sorted(m["url"] for m in MEMBERS))
        leaders = {connect(i).leader["id"] for i in range(3)}
        self.assertEqual(len(leaders), 1)
        self.assertIn(leaders.pop(), members)

    def test_stats(self):
        leader = self.client.leader
        own = {connect(i).stats["id"]: connect(i).stats for i in range(3)}
        self.assertEqual(set(own), set(self.client.members))
        self.assertEqual([i for i, s in own.items() if s["state"] == "StateLeader"], [leader["id"]])
        url = urlparse(leader["clientURLs"][0])
        of_leader = etcd.Client(host=url.hostname, port=url.port).leader_stats
        self.assertEqual(of_leader["leader"], leader["id"])
        self.assertEqual(set(of_leader["followers"]), set(own) - {leader["id"]})
        before = self.client.store_stats
        self.client.write(self.key, "1")
        self.client.read(self.key)
        after = self.client.store_stats
        self.assertGreaterEqual(after["setsSuccess"], before["setsSuccess"] + 1)
        self.assertGreaterEqual(after["getsSuccess"], before["getsSuccess"] + 1)

    def test_version(self):
        self.assertRegex(self.client.version, r"^3\.\d+\.\d+")
        self.assertRegex(self.client.cluster_version, r"^3\.\d+\.0$")

    def test_identity(self):
        self.client.write(self.key, "1")
        known = self.client.expected_cluster_id
        self.assertRegex(known, "^[0-9a-f]+$")
        self.assertEqual(connect(1, expected_cluster_id=known).read(self.key, quorum=True).value, "1")
        with self.assertRaises(etcd.EtcdClusterIdChanged):
            connect(1, expected_cluster_id="1234").read(self.key)


class Auth(Case):
    def test_users(self):
        root = EtcdUser(self.client, "root")
        root.password = "secret"
        root.roles = ["root"]
        root.write()
        role = EtcdRole(self.client, "app")
        role.grant("/app/*", "RW")
        role.grant("/config/*", "R")
        role.write()
        user = EtcdUser(self.client, "worker")
        user.password = "work"
        user.roles = ["app"]
        user.write()
        read = EtcdRole(self.client, "app")
        read.read()
        self.assertEqual(read.acls, {"/app/*": "RW", "/config/*": "R"})
        self.assertIn("app", [r["role"] for r in read.names])

        self.client.write("/config/a", "1")
        self.assertFalse(AuthSwitch(self.client).active)
        AuthSwitch(self.client).active = True
        admin = connect(1, username="root", password="secret")
        try:
            # A member decides by what it has applied: others than the one that was told may be a moment behind.
            until(lambda: AuthSwitch(admin).active, "authentication")
            guest = EtcdRole(admin, "guest")
            guest.read()
            self.assertEqual(guest.acls, {"/*": "RW"})
            guest.revoke("/*", "RW")
            guest.write()
            for client in (self.client, connect(2)):
                until(lambda: self.refuses(client, "/config/b"), "an end of the guests' rights")
            worker = connect(2, username="worker", password="work")
            worker.write("/app/a", "1")
            self.assertEqual(worker.read("/config/a").value, "1")
            with self.assertRaises(etcd.EtcdInsufficientPermissions):
                worker.write("/config/a", "2")
            with self.assertRaises(etcd.EtcdInsufficientPermissions):
                connect(2, username="worker", password="wrong").read("/app/a")
            with self.assertRaises(etcd.EtcdInsufficientPermissions):
                EtcdRole(worker, "app").read()
            guest.grant("/*", "RW")
            guest.write()
        finally:
            AuthSwitch(admin).active = False
        until(lambda: not AuthSwitch(self.client).active, "an end of authentication")
        self.client.write("/config/a", "3")

    @staticmethod
    def refuses(client, key):
        try:
            client.write(key, "2")
            return False
        except etcd.EtcdInsufficientPermissions:
            return True


class Failover(Case):
    def test_member_is_lost(self):
        """A client with three hosts goes on when the one that it talks to is killed."""
        client = etcd.Client(host=HOSTS, allow_reconnect=True, read_timeout=LIMIT)
        client.write(self.key, "before")
        used = client.base_uri
        victim = next(m for m in MEMBERS if m["url"] == used)
        os.kill(victim["pid"], signal.SIGKILL)

        def write():
            try:
                return client.write(self.key, "after")
            except etcd.EtcdConnectionFailed:
                raise
            except etcd.EtcdException:
                return None  # the others may be electing a leader
        until(write, "a write to another member")
        self.assertNotEqual(client.base_uri, used)
        self.assertEqual(client.read(self.key, quorum=True).value, "after")
        with etcd.Lock(client, self.dir[1:]) as lock:
            self.assertTrue(lock.is_acquired)


if __name__ == "__main__":
    unittest.main(verbosity=2)
