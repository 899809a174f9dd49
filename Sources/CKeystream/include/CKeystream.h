// AES-256-CTR keystreams on raw memory: seekable, without heap, the fastest implementation of the machine.
//
// Cipher: FIPS 197; mode: NIST SP 800-38A section 6.5, the whole 16-byte block being one big-endian counter.
// Every implementation ("level") gives the same bytes and shares the layout of `ck_ctr`, so a stream may be
// continued by another level. None has a branch or a memory address that depends on secrets.
#ifndef CKEYSTREAM_H
#define CKEYSTREAM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One running keystream (264 bytes, alignment 8). A plain value; not shared between threads while in use.
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
} ck_ctr;

/// Expands a 32-byte key and starts at offset 0 of the keystream whose first counter block is the 16-byte `iv`.
void ck_ctr_init(ck_ctr *stream, const uint8_t *key, const uint8_t *iv);

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

/// The name of the level in use: "avx512-vaes", "avx2-vaes", "aes-ni", "armv8" or "portable".
const char *ck_level_name(void);

/// How many levels this build knows, fastest first, "portable" last. Levels are numbered from 0.
int ck_level_count(void);

/// Whether the machine has the level's instructions and the level passes its self-test: 1 or 0.
int ck_level_available(int level);

/// Uses a level from now on, in every thread. Returns 1, or 0 (and changes nothing) if it is not available.
int ck_level_select(int level);

#ifdef __cplusplus
}
#endif

#endif
