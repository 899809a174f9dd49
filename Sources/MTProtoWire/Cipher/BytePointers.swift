extension UnsafeRawBufferPointer {
    /// The first byte as C sees it; `nil` for a buffer without memory.
    var bytePointer: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}

extension UnsafeMutableRawPointer {
    /// The memory as C sees it.
    var bytePointer: UnsafeMutablePointer<UInt8> { assumingMemoryBound(to: UInt8.self) }
}
