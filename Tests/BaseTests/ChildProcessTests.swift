import Base
import Testing

@Suite struct ChildProcessTests {
  private func finish(_ child: ChildProcess) -> Int32? {
    for _ in 0..<10_000 where child.status() == nil { usleep(1000) }
    return child.status()
  }

  @Test func linesAndStatusReachTheParent() throws {
    let child = try ChildProcess.fork { output in
      try? output.send(Array("one".utf8))
      try? output.send(Array("two".utf8))
      return 7
    }
    #expect(finish(child) == 7)
    #expect(child.lines(waiting: 1) == ["one", "two"])
    #expect(child.lines(waiting: 1) == [])
  }

  @Test func theParentSetsTheThreadsOfAChildAndOfNobodyElse() throws {
    let before = ThreadCount.current
    let child = try ChildProcess.fork { _ in
      for _ in 0..<10_000 where ThreadCount.current != before + 3 { usleep(1000) }
      let given = ThreadCount.current
      ThreadCount.current = 1
      return Int32(given - before)
    }
    child.useThreads(before + 3)
    #expect(finish(child) == 3)
    #expect(ThreadCount.current == before)
  }

  @Test func aChildBeginsWithTheThreadsItIsGiven() throws {
    let before = ThreadCount.current
    for (given, wanted) in [(1, 1), (before + 2, before + 2), (0, 1), (1000, 256), (nil, before)]
      as [(Int?, Int)]
    {
      let child = try ChildProcess.fork(threads: given) { _ in ThreadCount.current == wanted ? 7 : 1 }
      #expect(finish(child) == 7, "threads \(String(describing: given))")
      #expect(ThreadCount.current == before)
    }
  }

  @Test func aStoppedChildHasTheStatusOfItsSignal() throws {
    let child = try ChildProcess.fork { _ in
      while true { usleep(1000) }
    }
    #expect(child.status() == nil)
    child.stop()
    #expect(child.status() == 128 + SIGKILL)
  }

  /// The second child has a copy of the object of the first: neither its use nor its end touches the first
  /// child.
  @Test func aCopyInASiblingNeitherReadsNorEndsTheChild() throws {
    var first: ChildProcess? = try ChildProcess.fork { output in
      usleep(200_000)
      try? output.send(Array("alive".utf8))
      return 0
    }
    let second = try ChildProcess.fork { _ in
      first?.stop()
      let lines = first?.lines(waiting: 0.5) ?? []
      first = nil
      return Int32(lines.count)
    }
    #expect(finish(second) == 0)
    let child = try #require(first)
    #expect(finish(child) == 0)
    #expect(child.lines(waiting: 1) == ["alive"])
  }
}
