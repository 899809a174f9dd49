extension Block16 {
    /// Copies the bytes of `source`, of which there are 16; a shorter source would leave zeros behind it.
    init(copying source: UnsafeRawBufferPointer) {
        self.init()
        withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix($0.count))) }
    }
}

extension Block32 {
    /// Copies the bytes of `source`, of which there are 32; a shorter source would leave zeros behind it.
    init(copying source: UnsafeRawBufferPointer) {
        self.init()
        withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix($0.count))) }
    }
}
