package import NIOPosix

/// The event loops of the test kit, apart from those of the program under test.
package enum KitLoops {
    /// Lives as long as the process.
    package static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
}
