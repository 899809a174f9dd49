// The CRCs of x86-64 processors by carry-less multiplication: Gopal and others, "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).
#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include "levels.h"

#define TARGET __attribute__((target("pclmul")))

static bool available(void) {
    enum { PCLMULQDQ = 1 << 1 };  // Intel Software Developer's Manual, volume 2A, CPUID: 1, ecx
    uint32_t eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & PCLMULQDQ);
}

/// x^(d + 32) and x^(d - 32) modulo the polynomial, bits reversed, for a distance of d bits: moving the low and the
/// high half of a block onto the block that stands so far behind it.
typedef struct distances {
    uint64_t blocks4[2];
    uint64_t block1[2];
} distances;

static const distances crc32_distances = {{0x154442bd4, 0x1c6e41596}, {0x1751997d0, 0x0ccaa009e}};
static const distances crc32c_distances = {{0x0740eef02, 0x09e4addf8}, {0x0f20c0dfe, 0x14cd00bd6}};

TARGET static inline __m128i load(const void *bytes) {
    return _mm_loadu_si128((const __m128i *)bytes);
}

/// The block that has the same remainder as `block` at a distance in front of `behind`, and `behind`.
TARGET static inline __m128i fold(__m128i block, __m128i distance, __m128i behind) {
    __m128i low = _mm_clmulepi64_si128(block, distance, 0x00), high = _mm_clmulepi64_si128(block, distance, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), behind);
}

/// Folds all whole blocks, of which there are four at least, into one of the same CRC. The table does the rest.
TARGET static inline __attribute__((always_inline)) uint32_t sum(
    const distances *distances, uint32_t (*rest)(uint32_t, const uint8_t *, size_t), uint32_t crc,
    const uint8_t *bytes, size_t count) {
    if (count < 4 * CK_BLOCK) return rest(crc, bytes, count);
    const __m128i far = load(distances->blocks4), near = load(distances->block1);
    __m128i x[4];
    for (int i = 0; i < 4; i++) x[i] = load(bytes + i * CK_BLOCK);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    bytes += 4 * CK_BLOCK;
    count -= 4 * CK_BLOCK;
    for (; count >= 4 * CK_BLOCK; bytes += 4 * CK_BLOCK, count -= 4 * CK_BLOCK) {
        for (int i = 0; i < 4; i++) x[i] = fold(x[i], far, load(bytes + i * CK_BLOCK));
    }
    __m128i all = fold(fold(fold(x[0], near, x[1]), near, x[2]), near, x[3]);
    for (; count >= CK_BLOCK; bytes += CK_BLOCK, count -= CK_BLOCK) all = fold(all, near, load(bytes));
    uint8_t block[CK_BLOCK];
    _mm_storeu_si128((__m128i *)block, all);
    return rest(rest(~(uint32_t)0, block, CK_BLOCK), bytes, count);
}

TARGET static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
    return sum(&crc32_distances, ck_crc_portable.crc32, crc, bytes, count);
}

TARGET static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return sum(&crc32c_distances, ck_crc_portable.crc32c, crc, bytes, count);
}

const ck_crc ck_crc_x86 = {"pclmulqdq", available, crc32, crc32c};

#endif
