// The x86-64 levels: AES-NI, and VAES on vectors of 256 and 512 bits. One set of loops (aes_x86_kernel.h) serves
// all three. No special compiler flags: each function names the instructions it needs, and runs only where the
// processor has them.
#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#include "levels.h"

/// What the processor can do and the operating system lets it.
typedef struct features {
    bool aes_ni;
    bool avx2_vaes;
    bool avx512_vaes;
} features;

static uint64_t enabled_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/// Intel Software Developer's Manual, volume 2A, CPUID; volume 1, 13.3 and 14.3 for the registers' XCR0 bits.
static features detect(void) {
    enum { SSSE3 = 1 << 9, SSE41 = 1 << 19, AES = 1 << 25, OSXSAVE = 1 << 27, AVX = 1 << 28 };  // 1, ecx
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512BW = 1 << 30 };                              // 7, ebx
    enum { VAES = 1 << 9 };                                                                      // 7, ecx
    enum { YMM = 0x06, ZMM = 0xe6 };                                                             // XCR0
    features found = {false, false, false};
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return found;
    const uint32_t base = SSSE3 | SSE41 | AES, wide = OSXSAVE | AVX;
    found.aes_ni = (ecx & base) == base;
    if (!found.aes_ni || (ecx & wide) != wide) return found;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return found;
    const uint64_t registers = enabled_registers();
    found.avx2_vaes = (registers & YMM) == YMM && (ebx & AVX2) && (ecx & VAES);
    found.avx512_vaes = found.avx2_vaes && (registers & ZMM) == ZMM && (ebx & AVX512F) && (ebx & AVX512BW);
    return found;
}

static bool has_aes_ni(void) {
    return detect().aes_ni;
}

static bool has_avx2_vaes(void) {
    return detect().avx2_vaes;
}

static bool has_avx512_vaes(void) {
    return detect().avx512_vaes;
}

#define TARGET_AES_NI __attribute__((target("aes,ssse3,sse4.1")))

/// One step of FIPS 197 section 5.2: four words from those eight words back and the one before. AESENCLAST on a
/// word repeated in all columns is SubWord (its ShiftRows then changes nothing) plus `constant`; `order` picks the
/// word and may rotate it. Quicker than AESKEYGENASSIST, which is microcode.
TARGET_AES_NI static inline __m128i next_words(__m128i back, __m128i before, __m128i order, __m128i constant) {
    __m128i word = _mm_aesenclast_si128(_mm_shuffle_epi8(before, order), constant);
    back = _mm_xor_si128(back, _mm_slli_si128(back, 4));
    back = _mm_xor_si128(back, _mm_slli_si128(back, 8));
    return _mm_xor_si128(back, word);
}

TARGET_AES_NI static void expand_key(uint8_t *keys, const uint8_t *key) {
    const __m128i last_word = _mm_set1_epi32(0x0f0e0d0c), last_word_rotated = _mm_set1_epi32(0x0c0f0e0d);
    __m128i even = _mm_loadu_si128((const __m128i *)key), odd = _mm_loadu_si128((const __m128i *)key + 1);
    __m128i *out = (__m128i *)keys;
    _mm_storeu_si128(out++, even);
    _mm_storeu_si128(out++, odd);
    for (int constant = 1; constant < 1 << 7; constant <<= 1) {
        even = next_words(even, odd, last_word_rotated, _mm_set1_epi32(constant));
        _mm_storeu_si128(out++, even);
        if (constant == 1 << 6) break;  // the fifteenth round key
        odd = next_words(odd, even, last_word, _mm_setzero_si128());
        _mm_storeu_si128(out++, odd);
    }
}

/// The round keys of the equivalent inverse cipher, FIPS 197 section 5.3.5. Quick enough to be made for every call.
TARGET_AES_NI static inline void invert_keys(__m128i *inverse, const uint8_t *keys) {
    for (int round = 0; round <= CK_ROUNDS; round++) {
        __m128i key = _mm_loadu_si128((const __m128i *)keys + round);
        inverse[round] = round == 0 || round == CK_ROUNDS ? key : _mm_aesimc_si128(key);
    }
}

#define BYTES_REVERSED _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// AES-NI: one block per vector.
#define LEVEL(x) aes_ni_##x
#define TARGET TARGET_AES_NI
#define VECTOR __m128i
#define LANES 1
#define LOAD(from) _mm_loadu_si128((const __m128i *)(from))
#define STORE(to, x) _mm_storeu_si128((__m128i *)(to), x)
#define REPEAT(block) (block)
#define LANE_NUMBERS _mm_setzero_si128()
#define XOR _mm_xor_si128
#define ADD64 _mm_add_epi64
#define SWAP_BYTES(x) _mm_shuffle_epi8(x, BYTES_REVERSED)
#define ENCRYPT _mm_aesenc_si128
#define ENCRYPT_LAST _mm_aesenclast_si128
#define DECRYPT _mm_aesdec_si128
#define DECRYPT_LAST _mm_aesdeclast_si128
#include "aes_x86_kernel.h"

// VAES with AVX2: two blocks per vector.
#define LEVEL(x) avx2_vaes_##x
#define TARGET __attribute__((target("avx2,aes,vaes")))
#define VECTOR __m256i
#define LANES 2
#define LOAD(from) _mm256_loadu_si256((const __m256i *)(from))
#define STORE(to, x) _mm256_storeu_si256((__m256i *)(to), x)
#define REPEAT _mm256_broadcastsi128_si256
#define LANE_NUMBERS _mm256_set_epi64x(0, 1, 0, 0)
#define XOR _mm256_xor_si256
#define ADD64 _mm256_add_epi64
#define SWAP_BYTES(x) _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(BYTES_REVERSED))
#define ENCRYPT _mm256_aesenc_epi128
#define ENCRYPT_LAST _mm256_aesenclast_epi128
#define DECRYPT _mm256_aesdec_epi128
#define DECRYPT_LAST _mm256_aesdeclast_epi128
#include "aes_x86_kernel.h"

// VAES with AVX-512: four blocks per vector.
#define LEVEL(x) avx512_vaes_##x
#define TARGET __attribute__((target("avx512f,avx512bw,aes,vaes")))
#define VECTOR __m512i
#define LANES 4
#define LOAD(from) _mm512_loadu_si512(from)
#define STORE(to, x) _mm512_storeu_si512(to, x)
#define REPEAT _mm512_broadcast_i32x4
#define LANE_NUMBERS _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0)
#define XOR _mm512_xor_si512
#define ADD64 _mm512_add_epi64
#define SWAP_BYTES(x) _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(BYTES_REVERSED))
#define ENCRYPT _mm512_aesenc_epi128
#define ENCRYPT_LAST _mm512_aesenclast_epi128
#define DECRYPT _mm512_aesdec_epi128
#define DECRYPT_LAST _mm512_aesdeclast_epi128
#include "aes_x86_kernel.h"

#define LEVEL_TABLE(name, x) \
    {name, has_##x, expand_key, x##_blocks, x##_blocks2, x##_cbc_encrypt, x##_cbc_decrypt, &ck_crc_x86}

const ck_level ck_level_aes_ni = LEVEL_TABLE("aes-ni", aes_ni);
const ck_level ck_level_avx2_vaes = LEVEL_TABLE("avx2-vaes", avx2_vaes);
const ck_level ck_level_avx512_vaes = LEVEL_TABLE("avx512-vaes", avx512_vaes);

#endif
