// The loops of the x86-64 levels, for any width of vector. Private to aes_x86.c, which includes this file once per
// level, after it has said what a vector is:
//
//   LEVEL(x)          the level's own name of a function
//   TARGET            the attribute that allows the level's instructions
//   VECTOR, LANES     a vector, and how many blocks it holds
//   LOAD, STORE       memory of any alignment to and from a vector
//   REPEAT(block)     one __m128i in every lane
//   LANE_NUMBERS      the number of each lane as a 128-bit integer
//   XOR, ADD64, SWAP_BYTES, ENCRYPT, ENCRYPT_LAST
//
// It takes all of them back at its end. Every function is inlined with a constant number of vectors, so that the
// arrays below are registers. AES instructions have a latency of three or four cycles and one or two start per
// cycle: eight vectors in flight keep the unit busy.
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE VECTOR LEVEL(round_key)(const ck_run *run, int round) {
    return REPEAT(_mm_loadu_si128((const __m128i *)run->keys + round));
}

/// The counters of `n` vectors from block `at` of the run on, with the first round key added. They are counted in
/// the processor's byte order: the low half of a block is the low 64-bit element.
INLINE void LEVEL(start)(VECTOR *state, const ck_run *run, uint64_t at, int n) {
    const __m128i first = _mm_set_epi64x((long long)run->high, (long long)(run->low + at));
    VECTOR counter = ADD64(REPEAT(first), LANE_NUMBERS);
    const VECTOR step = REPEAT(_mm_set_epi64x(0, LANES)), key = LEVEL(round_key)(run, 0);
    for (int i = 0; i < n; i++) {
        state[i] = XOR(SWAP_BYTES(counter), key);
        counter = ADD64(counter, step);
    }
}

/// XORs `n` vectors of one keystream over the source.
INLINE void LEVEL(group)(const ck_run *run, uint64_t at, uint8_t *dst, const uint8_t *src, int n) {
    VECTOR state[8];
    LEVEL(start)(state, run, at, n);
    for (int round = 1; round < CK_ROUNDS; round++) {
        VECTOR key = LEVEL(round_key)(run, round);
        for (int i = 0; i < n; i++) state[i] = ENCRYPT(state[i], key);
    }
    VECTOR key = LEVEL(round_key)(run, CK_ROUNDS);
    for (int i = 0; i < n; i++) {
        VECTOR text = LOAD(src + i * sizeof(VECTOR));
        STORE(dst + i * sizeof(VECTOR), XOR(text, ENCRYPT_LAST(state[i], key)));
    }
}

/// XORs `n` vectors of two keystreams and the mask over the source.
INLINE void LEVEL(group2)(const ck_run *first, const ck_run *second, uint64_t at, uint32_t mask, uint8_t *dst,
                          const uint8_t *src, int n) {
    VECTOR a[4], b[4];
    LEVEL(start)(a, first, at, n);
    LEVEL(start)(b, second, at, n);
    for (int round = 1; round < CK_ROUNDS; round++) {
        VECTOR a_key = LEVEL(round_key)(first, round), b_key = LEVEL(round_key)(second, round);
        for (int i = 0; i < n; i++) {
            a[i] = ENCRYPT(a[i], a_key);
            b[i] = ENCRYPT(b[i], b_key);
        }
    }
    // The mask rides on a round key and costs nothing per block.
    VECTOR a_key = LEVEL(round_key)(first, CK_ROUNDS);
    VECTOR b_key = XOR(LEVEL(round_key)(second, CK_ROUNDS), REPEAT(_mm_set1_epi32((int)mask)));
    for (int i = 0; i < n; i++) {
        VECTOR keystream = XOR(ENCRYPT_LAST(a[i], a_key), ENCRYPT_LAST(b[i], b_key));
        STORE(dst + i * sizeof(VECTOR), XOR(LOAD(src + i * sizeof(VECTOR)), keystream));
    }
}

TARGET static void LEVEL(blocks)(const ck_run *run, uint8_t *dst, const uint8_t *src, size_t count) {
    const size_t bytes = count * CK_BLOCK, vectors = bytes / sizeof(VECTOR);
    size_t i = 0;
#define AT(i) (i) * LANES, dst + (i) * sizeof(VECTOR), src + (i) * sizeof(VECTOR)
    for (; vectors - i >= 8; i += 8) LEVEL(group)(run, AT(i), 8);
    if (vectors - i >= 4) {
        LEVEL(group)(run, AT(i), 4);
        i += 4;
    }
    switch (vectors - i) {
    case 3: LEVEL(group)(run, AT(i), 3); break;
    case 2: LEVEL(group)(run, AT(i), 2); break;
    case 1: LEVEL(group)(run, AT(i), 1); break;
    }
#undef AT
    const size_t done = vectors * sizeof(VECTOR);
    if (bytes > done) {
        uint8_t rest[sizeof(VECTOR)] = {0};
        memcpy(rest, src + done, bytes - done);
        LEVEL(group)(run, vectors * LANES, rest, rest, 1);
        memcpy(dst + done, rest, bytes - done);
    }
}

TARGET static void LEVEL(blocks2)(const ck_run *first, const ck_run *second, uint32_t mask, uint8_t *dst,
                                  const uint8_t *src, size_t count) {
    const size_t bytes = count * CK_BLOCK, vectors = bytes / sizeof(VECTOR);
    size_t i = 0;
#define AT(i) (i) * LANES, mask, dst + (i) * sizeof(VECTOR), src + (i) * sizeof(VECTOR)
    for (; vectors - i >= 4; i += 4) LEVEL(group2)(first, second, AT(i), 4);
    switch (vectors - i) {
    case 3: LEVEL(group2)(first, second, AT(i), 3); break;
    case 2: LEVEL(group2)(first, second, AT(i), 2); break;
    case 1: LEVEL(group2)(first, second, AT(i), 1); break;
    }
#undef AT
    const size_t done = vectors * sizeof(VECTOR);
    if (bytes > done) {
        uint8_t rest[sizeof(VECTOR)] = {0};
        memcpy(rest, src + done, bytes - done);
        LEVEL(group2)(first, second, vectors * LANES, mask, rest, rest, 1);
        memcpy(dst + done, rest, bytes - done);
    }
}

#undef INLINE
#undef LEVEL
#undef TARGET
#undef VECTOR
#undef LANES
#undef LOAD
#undef STORE
#undef REPEAT
#undef LANE_NUMBERS
#undef XOR
#undef ADD64
#undef SWAP_BYTES
#undef ENCRYPT
#undef ENCRYPT_LAST
