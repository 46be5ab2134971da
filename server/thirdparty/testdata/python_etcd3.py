"""What Debian's python3-etcd3, a client of API 3, does with a cluster of three members. MEMBERS is as in python_etcd.py."""
import io
import json
import os
import unittest
import uuid
from urllib.parse import urlparse

import etcd3

MEMBERS = json.loads(os.environ["MEMBERS"])
LIMIT = 60  # seconds that anything may take


def connect(member=0):
    url = urlparse(MEMBERS[member]["url"])
    return etcd3.client(host=url.hostname, port=url.port, timeout=LIMIT)


class Case(unittest.TestCase):
    """A case has a prefix to itself."""

    def setUp(self):
        self.client = connect()
        self.prefix = "%s-%s/" % (self.id().split(".")[-1], uuid.uuid4().hex[:8])
        self.key = self.prefix + "key"


class Keys(Case):
    def test_put_get_delete(self):
        self.client.put(self.key, "grün ☃")
        value, meta = connect(1).get(self.key)
        self.assertEqual((value.decode(), meta.key.decode(), meta.version), ("grün ☃", self.key, 1))
        self.assertTrue(self.client.delete(self.key))
        self.assertFalse(self.client.delete(self.key))
        self.assertEqual(self.client.get(self.key), (None, None))

    def test_ranges(self):
        for name in "cab":
            self.client.put(self.prefix + name, name)
        found = self.client.get_prefix(self.prefix, sort_order="descend", sort_target="key")
        self.assertEqual([v for v, _ in found], [b"c", b"b", b"a"])
        self.assertEqual(len(list(self.client.get_range(self.prefix + "a", self.prefix + "c"))), 2)
        self.assertEqual(self.client.delete_prefix(self.prefix).deleted, 3)

    def test_transaction(self):
        t = self.client.transactions
        self.client.put(self.key, "1")
        done, answers = self.client.transaction(
            compare=[t.value(self.key) == "1", t.version(self.key) > 0],
            success=[t.put(self.key, "2"), t.get(self.key)], failure=[t.delete(self.key)])
        self.assertTrue(done)
        self.assertEqual(answers[1][0][0], b"2")
        self.assertFalse(self.client.replace(self.key, "1", "3"))
        self.assertTrue(self.client.replace(self.key, "2", "3"))
        self.assertFalse(self.client.put_if_not_exists(self.key, "4"))

    def test_watch(self):
        events, cancel = self.client.watch_prefix(self.prefix)
        for i in range(20):
            connect(2).put(self.prefix + str(i % 3), str(i))
        connect(1).delete(self.prefix + "0")
        seen = [next(events) for _ in range(21)]
        cancel()
        self.assertEqual([e.value for e in seen[:20]], [str(i).encode() for i in range(20)])
        self.assertIsInstance(seen[20], etcd3.events.DeleteEvent)


class Leases(Case):
    def test_expiry(self):
        lease = self.client.lease(2)
        events, cancel = self.client.watch(self.key)
        self.client.put(self.key, "1", lease=lease)
        self.assertEqual(lease.keys, [self.key.encode()])
        self.assertIsInstance(next(events), etcd3.events.PutEvent)
        self.assertIsInstance(next(events), etcd3.events.DeleteEvent)
        cancel()

    def test_refresh_and_revoke(self):
        lease = self.client.lease(300)
        self.client.put(self.key, "1", lease=lease)
        self.assertEqual(lease.refresh()[0].TTL, 300)
        self.assertGreater(lease.remaining_ttl, 200)
        lease.revoke()
        self.assertEqual(self.client.get(self.key), (None, None))

    def test_lock(self):
        """Not the waiting for a lock: Debian's tenacity is too new for that part of the library, whatever the server."""
        first, second = self.client.lock(self.prefix, ttl=300), connect(1).lock(self.prefix, ttl=300)
        self.assertTrue(first.acquire())
        self.assertTrue(first.is_acquired())
        self.assertFalse(second.is_acquired())
        self.assertFalse(second.release())
        self.assertEqual(first.refresh()[0].TTL, 300)
        self.assertTrue(first.release())
        with second:
            self.assertTrue(second.is_acquired())


class Cluster(Case):
    def test_members_and_status(self):
        self.assertEqual(sorted(m.name for m in self.client.members), sorted(m["name"] for m in MEMBERS))
        status = self.client.status()
        self.assertRegex(status.version, r"^3\.\d+\.\d+")
        self.assertIn(status.leader.name, [m["name"] for m in MEMBERS])
        self.assertEqual(list(self.client.list_alarms()), [])

    def test_snapshot_and_compaction(self):
        self.client.put(self.key, "1")
        file = io.BytesIO()
        self.client.snapshot(file)
        self.assertGreater(len(file.getvalue()), 1000)
        revision = self.client.get(self.key)[1].mod_revision
        self.client.put(self.key, "2")
        self.client.compact(revision, physical=True)
        with self.assertRaises(etcd3.exceptions.RevisionCompactedError):
            events, cancel = self.client.watch(self.key, start_revision=1)
            next(events)


if __name__ == "__main__":
    unittest.main(verbosity=2)
