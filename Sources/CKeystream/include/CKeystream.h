// The loops over bytes: AES-256 in CTR and CBC mode, and CRCs. Without heap, in the fastest implementation of the
// machine.
//
// Cipher: FIPS 197; modes: NIST SP 800-38A section 6.5 (CTR, the whole 16-byte block being one big-endian counter) and
// 6.2 (CBC). Every implementation ("level") gives the same bytes and shares the layout of `ck_ctr` and `ck_cbc`, so a
// stream may be continued by another level. No cipher has a branch or a memory address that depends on secrets. The
// CRCs may look up tables by what they sum: framing around messages that their senders have encrypted already.
#ifndef CKEYSTREAM_H
#define CKEYSTREAM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One running keystream (272 bytes, alignment 8). A plain value; not shared between threads while in use.
/// Positions are bytes from the start of the keystream, modulo 2^64.
typedef struct ck_ctr {
    /// The 15 round keys of 16 bytes, in the byte order of FIPS 197.
    uint64_t round_keys[30];
    /// The counter of block 0 as a number: bytes 0..<8 of the IV, big-endian.
    uint64_t counter_high;
    /// Bytes 8..<16 of the IV, big-endian.
    uint64_t counter_low;
    /// Where the next byte stands.
    uint64_t offset;
    /// 1 if all bytes of the keystream are zero (the other fields except `offset` then mean nothing), else 0.
    uint64_t is_identity;
} ck_ctr;

/// Expands a 32-byte key and starts at offset 0 of the keystream whose first counter block is the 16-byte `iv`.
void ck_ctr_init(ck_ctr *stream, const uint8_t *key, const uint8_t *iv);

/// Starts a keystream of zeros: for the side of a connection that is not enciphered. XORing it copies.
void ck_ctr_init_identity(ck_ctr *stream);

/// Moves to an absolute offset. Costs nothing.
void ck_ctr_seek(ck_ctr *stream, uint64_t offset);

/// The bytes of keystream consumed so far.
uint64_t ck_ctr_offset(const ck_ctr *stream);

/// dst = src ^ keystream, and advances by `count` bytes. `dst` equals `src` or is disjoint from it.
void ck_ctr_xor(ck_ctr *stream, uint8_t *dst, const uint8_t *src, size_t count);

/// dst = src ^ keystream(first) ^ keystream(second) in one pass; both advance by `count` bytes. The two stand
/// anywhere; equal offsets modulo 16 are the fast case. `dst` equals `src` or is disjoint from it.
void ck_ctr_xor2(ck_ctr *first, ck_ctr *second, uint8_t *dst, const uint8_t *src, size_t count);

/// The same, also XORed with a repeating 4-byte mask (RFC 6455 section 5.3). `mask` holds the four bytes as they
/// stand in memory, read little-endian; `phase` says which of them (modulo 4) falls on the first byte.
void ck_ctr_xor2_masked(ck_ctr *first, ck_ctr *second, uint8_t *dst, const uint8_t *src, size_t count,
                        uint32_t mask, unsigned phase);

/// Writes `count` bytes of keystream from an absolute offset, without moving the stream.
void ck_ctr_peek(const ck_ctr *stream, uint64_t offset, uint8_t *out, size_t count);

/// One direction of an AES-256-CBC stream (256 bytes, alignment 8). A plain value; not shared between threads while in
/// use. What comes in several calls is one stream.
typedef struct ck_cbc {
    /// The 15 round keys of 16 bytes, in the byte order of FIPS 197.
    uint64_t round_keys[30];
    /// The last block of cipher text; the IV at first.
    uint8_t chain[16];
} ck_cbc;

/// What is to be encrypted with one stream.
typedef struct ck_cbc_job {
    ck_cbc *stream;
    /// Encrypted where they are; any alignment.
    uint8_t *bytes;
    /// Whole blocks of 16 bytes.
    size_t blocks;
} ck_cbc_job;

/// Expands a 32-byte key and begins with the 16-byte `iv`.
void ck_cbc_init(ck_cbc *stream, const uint8_t *key, const uint8_t *iv);

/// Encrypts several streams at once. Each block of a stream needs the one before, so that a stream alone leaves most of
/// the processor idle; up to eight run side by side. Streams and bytes of all jobs are distinct.
void ck_cbc_encrypt(const ck_cbc_job *jobs, size_t count);

/// Decrypts whole blocks of 16 bytes. `dst` equals `src` or is disjoint from it.
void ck_cbc_decrypt(ck_cbc *stream, uint8_t *dst, const uint8_t *src, size_t blocks);

/// CRC-32 (ISO 3309, as in zlib) of bytes behind others whose CRC is `crc`; 0 at the start.
uint32_t ck_crc32(uint32_t crc, const uint8_t *bytes, size_t count);

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), likewise.
uint32_t ck_crc32c(uint32_t crc, const uint8_t *bytes, size_t count);

/// The name of the level in use: "avx512-vaes", "avx2-vaes", "aes-ni", "armv8" or "portable".
const char *ck_level_name(void);

/// The name of the CRCs in use: "pclmulqdq", "armv8-crc" or "portable". The level in use brings them.
const char *ck_crc_name(void);

/// How many levels this build knows, fastest first, "portable" last. Levels are numbered from 0.
int ck_level_count(void);

/// Whether the machine has the level's AES instructions and the level passes its self-test: 1 or 0.
int ck_level_available(int level);

/// Uses a level from now on, in every thread. Returns 1, or 0 (and changes nothing) if it is not available.
int ck_level_select(int level);

#ifdef __cplusplus
}
#endif

#endif
