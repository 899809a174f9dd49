import ProxyPolicy
import Testing

@Suite struct FileLimitTests {
    @Test(arguments: [
        (UInt64?(1_024), 0, 480), (1_024, 20, 470), (65_536, 24, 32_724), (0, 0, 16), (64, 0, 16), (100, 0, 18),
        (1_024, 10_000, 16), (1_024, -5, 480), (1_024, .max, 16), (.max, 0, 1 << 20), (nil, 0, 1 << 20),
        (0, .max, 16),
    ])
    func `Each client needs two descriptors beside the reserve`(descriptors: UInt64?, pooled: Int, connections: Int) {
        #expect(FileLimit.connections(descriptors: descriptors, pooled: pooled) == connections)
    }
}
