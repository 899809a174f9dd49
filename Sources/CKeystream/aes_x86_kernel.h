// The loops of the x86-64 levels, for any width of vector. Private to aes_x86.c, which includes this file once per
// level, after it has said what a vector is:
//
//   LEVEL(x)          the level's own name of a function
//   TARGET            the attribute that allows the level's instructions
//   VECTOR, LANES     a vector, and how many blocks it holds
//   LOAD, STORE       memory of any alignment to and from a vector
//   REPEAT(block)     one __m128i in every lane
//   LANE_NUMBERS      the number of each lane as a 128-bit integer
//   XOR, ADD64, SWAP_BYTES, ENCRYPT, ENCRYPT_LAST, DECRYPT, DECRYPT_LAST
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

/// One block of each of `count` lanes at a time, as many lanes side by side in a vector as it holds: the latency of a
/// round is the limit, and what runs beside it is free. Blocks gather and scatter through rows in memory, ahead of and
/// behind the chain of rounds that everything waits for.
INLINE void LEVEL(encrypt_lanes)(const ck_lane *lanes, size_t blocks, int count) {
    enum { MOST = (CK_LANES + LANES - 1) / LANES };
    const int n = (count + LANES - 1) / LANES;
    VECTOR keys[CK_ROUNDS + 1][MOST], state[MOST];
    uint8_t in[CK_LANES * CK_BLOCK] = {0}, out[sizeof in], *bytes[CK_LANES];
    for (int round = 0; round <= CK_ROUNDS; round++) {
        for (int i = 0; i < count; i++) memcpy(in + i * CK_BLOCK, lanes[i].keys + round * CK_BLOCK, CK_BLOCK);
        for (int v = 0; v < n; v++) keys[round][v] = LOAD(in + v * sizeof(VECTOR));
    }
    for (int i = 0; i < count; i++) {
        memcpy(in + i * CK_BLOCK, lanes[i].chain, CK_BLOCK);
        bytes[i] = lanes[i].bytes;
    }
    for (int v = 0; v < n; v++) state[v] = LOAD(in + v * sizeof(VECTOR));

    for (size_t at = 0; at < blocks * CK_BLOCK; at += CK_BLOCK) {
        for (int i = 0; i < count; i++) memcpy(in + i * CK_BLOCK, bytes[i] + at, CK_BLOCK);
        for (int v = 0; v < n; v++) state[v] = XOR(state[v], XOR(LOAD(in + v * sizeof(VECTOR)), keys[0][v]));
        for (int round = 1; round < CK_ROUNDS; round++) {
            for (int v = 0; v < n; v++) state[v] = ENCRYPT(state[v], keys[round][v]);
        }
        for (int v = 0; v < n; v++) {
            state[v] = ENCRYPT_LAST(state[v], keys[CK_ROUNDS][v]);
            STORE(out + v * sizeof(VECTOR), state[v]);
        }
        for (int i = 0; i < count; i++) memcpy(bytes[i] + at, out + i * CK_BLOCK, CK_BLOCK);
    }
    for (int i = 0; i < count; i++) memcpy(lanes[i].chain, out + i * CK_BLOCK, CK_BLOCK);
}

TARGET static void LEVEL(cbc_encrypt)(const ck_lane *lanes, size_t count, size_t blocks) {
    switch (count) {
    case 1: LEVEL(encrypt_lanes)(lanes, blocks, 1); break;
    case 2: LEVEL(encrypt_lanes)(lanes, blocks, 2); break;
    case 3: LEVEL(encrypt_lanes)(lanes, blocks, 3); break;
    case 4: LEVEL(encrypt_lanes)(lanes, blocks, 4); break;
    case 5: LEVEL(encrypt_lanes)(lanes, blocks, 5); break;
    case 6: LEVEL(encrypt_lanes)(lanes, blocks, 6); break;
    case 7: LEVEL(encrypt_lanes)(lanes, blocks, 7); break;
    case 8: LEVEL(encrypt_lanes)(lanes, blocks, 8); break;
    }
}

/// Decrypts `n` vectors of CBC cipher text that has a block in front of it. Stores the last one first, so that in
/// place, too, the blocks before a vector are cipher text when they are needed.
INLINE void LEVEL(decrypt_group)(const __m128i *keys, uint8_t *dst, const uint8_t *src, int n) {
    VECTOR state[8], key = REPEAT(keys[CK_ROUNDS]);
    for (int i = 0; i < n; i++) state[i] = XOR(LOAD(src + i * sizeof(VECTOR)), key);
    for (int round = CK_ROUNDS - 1; round > 0; round--) {
        key = REPEAT(keys[round]);
        for (int i = 0; i < n; i++) state[i] = DECRYPT(state[i], key);
    }
    key = REPEAT(keys[0]);
    for (size_t i = n; i-- > 0;) {
        VECTOR before = LOAD(src + i * sizeof(VECTOR) - CK_BLOCK);
        STORE(dst + i * sizeof(VECTOR), XOR(before, DECRYPT_LAST(state[i], key)));
    }
}

/// From the end to the start, for the same reason.
TARGET static void LEVEL(cbc_decrypt)(const uint8_t *keys, uint8_t *chain, uint8_t *dst, const uint8_t *src,
                                      size_t count) {
    __m128i inverse[CK_ROUNDS + 1];
    invert_keys(inverse, keys);
    uint8_t last[CK_BLOCK], first[2 * CK_BLOCK];
    memcpy(last, src + (count - 1) * CK_BLOCK, CK_BLOCK);

    size_t left = count;
#define AT(block) dst + (block) * CK_BLOCK, src + (block) * CK_BLOCK
    for (; left > 8 * LANES; left -= 8 * LANES) LEVEL(decrypt_group)(inverse, AT(left - 8 * LANES), 8);
    for (; left > 2 * LANES; left -= 2 * LANES) LEVEL(decrypt_group)(inverse, AT(left - 2 * LANES), 2);
    for (; left > 1; left--) aes_ni_decrypt_group(inverse, AT(left - 1), 1);
#undef AT
    memcpy(first, chain, CK_BLOCK);
    memcpy(first + CK_BLOCK, src, CK_BLOCK);
    aes_ni_decrypt_group(inverse, dst, first + CK_BLOCK, 1);
    memcpy(chain, last, CK_BLOCK);
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
#undef DECRYPT
#undef DECRYPT_LAST
