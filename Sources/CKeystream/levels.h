// What an implementation of AES-256 and the CRCs provides, and which ones there are. Private to this target.
#ifndef CKEYSTREAM_LEVELS_H
#define CKEYSTREAM_LEVELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CK_BLOCK = 16, CK_ROUNDS = 14, CK_ROUND_KEY_BYTES = (CK_ROUNDS + 1) * CK_BLOCK };

/// Whole counter blocks in a row. The caller sees to it that `low` does not overflow within the blocks it asks
/// for, so that levels need no carry into `high`.
typedef struct ck_run {
    /// 240 bytes, in the byte order of FIPS 197; any alignment.
    const uint8_t *keys;
    uint64_t high;
    uint64_t low;
} ck_run;

/// The most CBC streams that are encrypted side by side.
enum { CK_LANES = 8 };

/// One of several CBC streams that are encrypted side by side.
typedef struct ck_lane {
    /// As in `ck_run`.
    const uint8_t *keys;
    /// The last block of cipher text, before and after.
    uint8_t *chain;
    uint8_t *bytes;
} ck_lane;

/// An implementation of both CRCs, in the convention of CKeystream.h.
typedef struct ck_crc {
    const char *name;
    /// Whether processor and operating system provide the instructions.
    bool (*available)(void);
    uint32_t (*crc32)(uint32_t crc, const uint8_t *bytes, size_t count);
    uint32_t (*crc32c)(uint32_t crc, const uint8_t *bytes, size_t count);
} ck_crc;

typedef struct ck_level {
    const char *name;
    /// Whether processor and operating system provide the instructions.
    bool (*available)(void);
    /// 32 bytes of key to 240 bytes of round keys.
    void (*expand_key)(uint8_t *keys, const uint8_t *key);
    /// dst = src ^ keystream, `count` blocks. `dst` equals `src` or is disjoint from it.
    void (*blocks)(const ck_run *run, uint8_t *dst, const uint8_t *src, size_t count);
    /// dst = src ^ both keystreams ^ the mask's four bytes (little-endian) repeated, `count` blocks.
    void (*blocks2)(const ck_run *first, const ck_run *second, uint32_t mask, uint8_t *dst, const uint8_t *src,
                    size_t count);
    /// Encrypts `blocks` blocks, at least one, of each of 1...CK_LANES lanes in place.
    void (*cbc_encrypt)(const ck_lane *lanes, size_t count, size_t blocks);
    /// Decrypts `count` blocks, at least one. `dst` equals `src` or is disjoint from it.
    void (*cbc_decrypt)(const uint8_t *keys, uint8_t *chain, uint8_t *dst, const uint8_t *src, size_t count);
    /// The CRCs of such machines. They have instructions of their own, so they may be unavailable alone.
    const ck_crc *crc;
} ck_level;

/// XORs the mask's four bytes (little-endian), repeated, over memory.
static inline void ck_xor_mask(uint32_t mask, uint8_t *bytes, size_t count) {
    const uint8_t order[4] = {(uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16), (uint8_t)(mask >> 24)};
    uint32_t word, masked;
    memcpy(&word, order, sizeof word);
    size_t i = 0;
    for (; count - i >= sizeof word; i += sizeof word) {
        memcpy(&masked, bytes + i, sizeof word);
        masked ^= word;
        memcpy(bytes + i, &masked, sizeof word);
    }
    for (; i < count; i++) bytes[i] ^= order[i % sizeof word];
}

#if defined(__x86_64__)
extern const ck_level ck_level_avx512_vaes;
extern const ck_level ck_level_avx2_vaes;
extern const ck_level ck_level_aes_ni;
#elif defined(__aarch64__)
extern const ck_level ck_level_armv8;
#endif
extern const ck_level ck_level_portable;

#if defined(__x86_64__)
extern const ck_crc ck_crc_x86;
#elif defined(__aarch64__)
extern const ck_crc ck_crc_armv8;
#endif
extern const ck_crc ck_crc_portable;

#endif
