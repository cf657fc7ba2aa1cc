import VecCore

/// The daemon's threads for work, in lanes so that no kind of work waits for another kind.
///
/// Reads run side by side. Writes run one after the other in the order accepted, which keeps the frames of an ingest
/// in order. Maintenance may take minutes, so it has its own thread; so has upkeep, which is not asked for but becomes
/// due, and must not wait for maintenance; and so have the scrub, which never ends, and the recall gauge.
package struct WorkerPool: Sendable {
  package let reads: Lane
  package let writes: Lane
  package let maintenance: Lane
  package let upkeep: Lane
  package let scrub: Lane
  package let gauge: Lane

  package init(threads: Int, queueMax: Int) {
    reads = Lane(name: "read", threads: threads, queueMax: queueMax)
    writes = Lane(name: "write", threads: 1, queueMax: queueMax)
    maintenance = Lane(name: "maint", threads: 1, queueMax: min(queueMax, 16))
    upkeep = Lane(name: "upkeep", threads: 1, queueMax: 1, isBackground: true)
    scrub = Lane(name: "scrub", threads: 1, queueMax: 1, isBackground: true)
    gauge = Lane(name: "gauge", threads: 1, queueMax: 1, isBackground: true)
  }

  package var lanes: [Lane] { [reads, writes, maintenance, upkeep, scrub, gauge] }
}
