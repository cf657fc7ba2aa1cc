import Glibc
import Synchronization
import Testing
import VecServer

/// Lets jobs wait until the test says go.
private final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)
  func open() { isOpen.store(true, ordering: .releasing) }
  func pass() { while !isOpen.load(ordering: .acquiring) { usleep(200) } }
}

private func eventually(_ isTrue: () -> Bool) -> Bool {
  for _ in 0..<10_000 {
    if isTrue() { return true }
    usleep(1_000)
  }
  return false
}

@Suite("Lanes of workers")
struct LaneTests {
  @Test("a full queue refuses at once, and takes work again when it has drained")
  func bounded() {
    let lane = Lane(name: "t", threads: 1, queueMax: 3)
    let gate = Gate()
    let done = Atomic<Int>(0)
    #expect(lane.submit { gate.pass() })
    #expect(eventually { lane.currentLoad.running == 1 })
    for _ in 0..<3 { #expect(lane.submit { done.add(1, ordering: .relaxed) }) }
    #expect(!lane.submit { done.add(100, ordering: .relaxed) })
    #expect(lane.currentLoad.queued == 3)
    #expect(lane.currentLoad.rejected == 1)
    gate.open()
    #expect(eventually { lane.isIdle })
    #expect(done.load(ordering: .relaxed) == 3)
    #expect(lane.submit { done.add(1, ordering: .relaxed) })
    #expect(eventually { done.load(ordering: .relaxed) == 4 })
    lane.stop(droppingQueued: false)
    #expect(eventually { lane.isStopped })
  }

  @Test("a job runs on the caller's thread in the place of one of the lane's, and only where the lane is idle")
  func here() {
    let lane = Lane(name: "t", threads: 1, queueMax: 3)
    let gate = Gate()
    let done = Atomic<Int>(0)
    let caller = pthread_self()
    var ranHere = false
    let ran = lane.runHere { ranHere = pthread_equal(pthread_self(), caller) != 0 }
    #expect(ran && ranHere && lane.isIdle && lane.currentLoad.completed == 1)
    #expect(lane.submit { gate.pass() })
    #expect(eventually { lane.currentLoad.running == 1 })
    let ranBusy = lane.runHere { done.add(100, ordering: .relaxed) }
    #expect(!ranBusy)
    gate.open()
    #expect(eventually { lane.isIdle })
    // What comes while it runs waits for its end, as the lane has one thread.
    var isAlone = false
    let ranAlone = lane.runHere {
      let isRefused = !lane.runHere { done.add(100, ordering: .relaxed) }
      let isQueued = lane.submit { done.add(1, ordering: .relaxed) }
      usleep(20_000)
      isAlone = isRefused && isQueued && done.load(ordering: .relaxed) == 0 && lane.currentLoad.queued == 1
    }
    #expect(ranAlone && isAlone)
    #expect(eventually { done.load(ordering: .relaxed) == 1 && lane.isIdle })
    // Its end lets the threads of a lane that stops meanwhile end as well, with and without work.
    var isHeld = false
    let ranLast = lane.runHere {
      let isQueued = lane.submit { done.add(1, ordering: .relaxed) }
      lane.stop(droppingQueued: false)
      usleep(20_000)
      isHeld = isQueued && !lane.isStopped
    }
    #expect(ranLast && isHeld)
    #expect(eventually { lane.isStopped })
    #expect(done.load(ordering: .relaxed) == 2)
    let ranStopped = lane.runHere {}
    #expect(!ranStopped)
  }

  @Test("a place taken beforehand counts against the bound until it is used or given up")
  func places() {
    let lane = Lane(name: "t", threads: 1, queueMax: 1)
    let gate = Gate()
    #expect(lane.submit { gate.pass() })
    #expect(eventually { lane.currentLoad.running == 1 })
    do {
      guard let place = lane.takePlace() else {
        Issue.record("no place in an empty queue")
        return
      }
      if lane.takePlace() != nil { Issue.record("a place beyond the bound") }
      #expect(!lane.submit {})
      _ = consume place
    }
    if let place = lane.takePlace() { #expect(lane.submit(in: place) {}) } else { Issue.record("no place came back") }
    #expect(!lane.submit {})
    gate.open()
    lane.stop(droppingQueued: false)
    #expect(eventually { lane.isStopped })
  }

  @Test("one thread keeps the order; an urgent job goes first and is not refused by a full queue")
  func order() {
    let lane = Lane(name: "t", threads: 1, queueMax: 50)
    let gate = Gate()
    let seen = Mutex<[Int]>([])
    #expect(lane.submit { gate.pass() })
    #expect(eventually { lane.currentLoad.running == 1 })
    for number in 1...50 { #expect(lane.submit { seen.withLock { $0.append(number) } }) }
    #expect(!lane.submit {})
    #expect(lane.submit(.urgent) { seen.withLock { $0.append(0) } })
    #expect(lane.submit(.admitted) { seen.withLock { $0.append(51) } })
    gate.open()
    #expect(eventually { lane.isIdle })
    #expect(seen.withLock { $0 } == Array(0...51))
    lane.stop(droppingQueued: false)
  }

  @Test("parts that wait behind one another are run together, other jobs between them keep their place")
  func parts() {
    let lane = Lane(name: "t", threads: 1, queueMax: 100)
    let gate = Gate()
    let seen = Mutex<[String]>([])
    #expect(lane.submit { gate.pass() })
    #expect(eventually { lane.currentLoad.running == 1 })
    func part(_ name: String) -> Bool {
      lane.submit(part: { isLast in seen.withLock { $0.append(name + (isLast ? "." : "")) } }, byteCount: 10)
    }
    #expect(part("a") && part("b") && part("c"))
    #expect(lane.submit(.admitted) { seen.withLock { $0.append("job") } })
    #expect(part("d"))
    #expect(lane.submit(.urgent) { seen.withLock { $0.append("urgent") } })
    #expect(part("e"))
    #expect(lane.currentLoad.queued == 7)
    gate.open()
    #expect(eventually { lane.isIdle })
    #expect(seen.withLock { $0 } == ["urgent", "a", "b", "c.", "job", "d", "e."])
    #expect(lane.currentLoad.completed == 8)
    lane.stop(droppingQueued: false)
  }

  @Test("no more parts are run together than the bounds of number and bytes allow")
  func partBounds() {
    let lane = Lane(name: "t", threads: 1, queueMax: 10_000)
    func groups(of count: Int, byteCount: Int) -> [Int] {
      let gate = Gate()
      let seen = Mutex<[Int]>([0])
      #expect(lane.submit { gate.pass() })
      #expect(eventually { lane.currentLoad.running == 1 })
      for _ in 0..<count {
        let isTaken = lane.submit(
          part: { isLast in
            seen.withLock { seen in
              seen[seen.count - 1] += 1
              if isLast { seen.append(0) }
            }
          }, byteCount: byteCount)
        #expect(isTaken)
      }
      gate.open()
      #expect(eventually { lane.isIdle })
      return seen.withLock { $0.dropLast() }
    }
    #expect(groups(of: 2500, byteCount: 1) == [1024, 1024, 452])
    #expect(groups(of: 5, byteCount: 6 << 20) == [2, 2, 1])
    #expect(groups(of: 3, byteCount: 40 << 20) == [1, 1, 1], "one alone may be larger")
    lane.stop(droppingQueued: false)
  }

  @Test("stop lets queued work finish, or drops it, and takes nothing new", arguments: [false, true])
  func stop(droppingQueued: Bool) {
    let lane = Lane(name: "t", threads: 2, queueMax: 100)
    let gate = Gate()
    let done = Atomic<Int>(0)
    for _ in 0..<2 { #expect(lane.submit { gate.pass() }) }
    #expect(eventually { lane.currentLoad.running == 2 })
    for _ in 0..<40 { #expect(lane.submit { done.add(1, ordering: .relaxed) }) }
    lane.stop(droppingQueued: droppingQueued)
    #expect(!lane.submit {})
    #expect(!lane.submit(.admitted) {})
    #expect(!lane.isStopped)
    gate.open()
    #expect(eventually { lane.isStopped })
    #expect(done.load(ordering: .relaxed) == (droppingQueued ? 0 : 40))
  }

  @Test("many producers lose no job")
  func producers() {
    let lane = Lane(name: "t", threads: 3, queueMax: 1_000_000)
    let done = Atomic<Int>(0)
    let producers = Lane(name: "p", threads: 4, queueMax: 4)
    for _ in 0..<4 {
      #expect(producers.submit { for _ in 0..<5_000 { _ = lane.submit { done.add(1, ordering: .relaxed) } } })
    }
    #expect(eventually { done.load(ordering: .relaxed) == 20_000 })
    #expect(eventually { lane.currentLoad.completed == 20_000 })
    producers.stop(droppingQueued: false)
    lane.stop(droppingQueued: false)
  }
}

@Suite("The shared byte budget")
struct ByteBudgetTests {
  @Test("never more is out than the limit; waiters are served in order")
  func line() {
    let budget = ByteBudget(limit: 16 << 20)
    let served = Mutex<[Int]>([])
    #expect(budget.take(10 << 20))
    #expect(!budget.take(5 << 20))
    #expect(!budget.take(6 << 20) { served.withLock { $0.append(1) } })
    #expect(!budget.take(1 << 20) { served.withLock { $0.append(2) } })
    #expect(budget.waiterCount == 2)
    budget.giveBack(1 << 20)
    #expect(served.withLock { $0 } == [], "the second waits behind the first although it would fit")
    budget.giveBack(4 << 20)
    #expect(served.withLock { $0 } == [1, 2])
    #expect(budget.used == 12 << 20)
    budget.giveBack(12 << 20)
    #expect(budget.used == 0)
  }

  @Test("small charges pass while large ones wait, and one charge above the limit is served alone")
  func small() {
    let budget = ByteBudget(limit: 8 << 20)
    #expect(budget.take(100 << 20))
    #expect(!budget.take(1000))
    budget.giveBack(100 << 20)
    #expect(budget.take(7 << 20))
    #expect(!budget.take(1 << 20) {})
    #expect(budget.take(60_000))
    #expect(budget.waiterCount == 1)
  }
}
