import CKeystream

/// What makes an AES-256-CBC stream: 32 bytes of key and the 16 bytes that the first block is chained to.
package struct CBCKey: Hashable, Sendable {
    /// The AES-256 key.
    package var key: Block32
    /// What stands in for the cipher text before the first block.
    package var iv: Block16

    /// Joins a key and its initialisation vector.
    package init(key: Block32, iv: Block16) {
        self.key = key
        self.iv = iv
    }

    /// A stream that begins here.
    fileprivate func start() -> ck_cbc {
        var stream = ck_cbc()
        key.withUnsafeBytes { key in
            iv.withUnsafeBytes { iv in
                guard let key = key.bytePointer, let iv = iv.bytePointer else { return }
                ck_cbc_init(&stream, key, iv)
            }
        }
        return stream
    }
}

/// The sending end of an AES-256-CBC stream (FIPS 197; NIST SP 800-38A section 6.2). What is encrypted in several calls
/// is one stream.
///
/// Each block needs the one before, so a stream alone leaves most of the processor idle: who has bytes for several
/// streams encrypts them in one call. Not for sharing between threads.
package final class CBCEncryptor {
    /// Bytes for one stream, encrypted where they are.
    package struct Job {
        package let stream: CBCEncryptor
        /// A multiple of 16 bytes; what is behind the last whole block stays as it is.
        package let bytes: UnsafeMutableRawBufferPointer

        /// Pairs a stream with its next bytes.
        package init(stream: CBCEncryptor, bytes: UnsafeMutableRawBufferPointer) {
            self.stream = stream
            self.bytes = bytes
        }
    }

    /// The running stream, at an address that stays so that several can be lent at once.
    fileprivate let stream: UnsafeMutablePointer<ck_cbc>

    /// Starts a stream.
    package init(_ key: CBCKey) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: key.start())
    }

    deinit {
        stream.deallocate()
    }

    /// Encrypts the next bytes of this stream where they are.
    ///
    /// - Parameter bytes: a multiple of 16 bytes; what is behind the last whole block stays as it is.
    package func encrypt(inPlace bytes: UnsafeMutableRawBufferPointer) {
        guard var job = Job(stream: self, bytes: bytes).lent else { return }
        ck_cbc_encrypt(&job, 1)
        withExtendedLifetime(self) {}
    }

    /// Encrypts bytes of several streams side by side.
    ///
    /// - Parameter jobs: any number of them; each stream occurs once. Up to eight run at a time, so of more than eight
    ///   the longest should come first.
    package static func encrypt(_ jobs: [Job]) {
        withUnsafeTemporaryAllocation(of: ck_cbc_job.self, capacity: jobs.count) { memory in
            var count = 0
            for job in jobs {
                guard let lent = job.lent else { continue }
                memory.initializeElement(at: count, to: lent)
                count += 1
            }
            ck_cbc_encrypt(memory.baseAddress, count)
        }
        withExtendedLifetime(jobs) {}
    }
}

extension CBCEncryptor.Job {
    /// What C works on; `nil` for a buffer without memory. Does not keep the stream alive.
    fileprivate var lent: ck_cbc_job? {
        guard let start = bytes.baseAddress else { return nil }
        return ck_cbc_job(
            stream: stream.stream, bytes: start.bytePointer, blocks: bytes.count / Block16.count)
    }
}

/// The receiving end of an AES-256-CBC stream. What is decrypted in several calls is one stream. Not for sharing between
/// threads.
package final class CBCDecryptor {
    private var stream: ck_cbc

    /// Starts a stream.
    package init(_ key: CBCKey) {
        stream = key.start()
    }

    /// Decrypts the next bytes of the stream.
    ///
    /// - Parameters:
    ///   - source: a multiple of 16 bytes; what is behind the last whole block is left out.
    ///   - destination: room for as many bytes; the source's memory or disjoint from it.
    package func decrypt(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawPointer) {
        guard let bytes = source.bytePointer else { return }
        ck_cbc_decrypt(&stream, destination.bytePointer, bytes, source.count / Block16.count)
    }
}
