// What an implementation has to show before it is used: the portable one's bytes.
#include "dispatch.h"

enum { TEST_BLOCKS = 67, TEST_BYTES = TEST_BLOCKS * CK_BLOCK };

/// Lengths that reach every group and remainder of the loops.
static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 14, 16, 19, 31, TEST_BLOCKS};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static void fill(uint8_t *bytes, size_t count, size_t seed) {
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

/// Compares one call of each CTR entry, from a counter `low` on.
static bool agrees_on_ctr(const ck_level *level, uint8_t keys[2][CK_ROUND_KEY_BYTES], uint64_t low, size_t count) {
    uint8_t text[TEST_BYTES], expected[sizeof text], actual[sizeof text];
    fill(text, sizeof text, count);
    memcpy(expected, text, sizeof text);
    memcpy(actual, text, sizeof text);

    const uint64_t high = 0x0123456789abcdef;
    const uint32_t mask = 0x8badf00d;
    ck_run first = {keys[0], high, low}, second = {keys[1], ~high, low / 2};
    ck_level_portable.blocks(&first, expected, text, count);
    level->blocks(&first, actual, text, count);
    if (memcmp(actual, expected, sizeof text) != 0) return false;

    // In place, on what the first call left.
    ck_level_portable.blocks2(&first, &second, mask, expected, expected, count);
    level->blocks2(&first, &second, mask, actual, actual, count);
    return memcmp(actual, expected, sizeof text) == 0;
}

/// What a call of `cbc_encrypt` changes.
typedef struct sealed {
    uint8_t chains[CK_LANES][CK_BLOCK];
    uint8_t texts[CK_LANES][3 * CK_BLOCK];
} sealed;

static sealed seal(const ck_level *level, uint8_t keys[2][CK_ROUND_KEY_BYTES], size_t lane_count) {
    sealed result;
    ck_lane lanes[CK_LANES];
    fill((uint8_t *)&result, sizeof result, lane_count);
    for (size_t i = 0; i < lane_count; i++) lanes[i] = (ck_lane){keys[i % 2], result.chains[i], result.texts[i]};
    level->cbc_encrypt(lanes, lane_count, sizeof result.texts[0] / CK_BLOCK);
    return result;
}

static bool agrees_on_cbc_encryption(const ck_level *level, uint8_t keys[2][CK_ROUND_KEY_BYTES]) {
    for (size_t lanes = 1; lanes <= CK_LANES; lanes++) {
        sealed expected = seal(&ck_level_portable, keys, lanes), actual = seal(level, keys, lanes);
        if (memcmp(&actual, &expected, sizeof expected) != 0) return false;
    }
    return true;
}

static bool agrees_on_cbc_decryption(const ck_level *level, const uint8_t *keys, size_t count) {
    // The chain, and what it stands in front of.
    uint8_t text[CK_BLOCK + TEST_BYTES], expected[sizeof text], actual[sizeof text], in_place[sizeof text];
    fill(text, sizeof text, count);
    memcpy(expected, text, sizeof text);
    memcpy(actual, text, sizeof text);
    memcpy(in_place, text, sizeof text);
    ck_level_portable.cbc_decrypt(keys, expected, expected + CK_BLOCK, text + CK_BLOCK, count);
    level->cbc_decrypt(keys, actual, actual + CK_BLOCK, text + CK_BLOCK, count);
    level->cbc_decrypt(keys, in_place, in_place + CK_BLOCK, in_place + CK_BLOCK, count);
    return memcmp(actual, expected, sizeof text) == 0 && memcmp(in_place, expected, sizeof text) == 0;
}

/// Beside the loops: the key schedule, a counter that carries into its next bytes, and the last counter before the
/// carry that callers take care of.
bool ck_level_proves_itself(const ck_level *level) {
    uint8_t key[32], keys[2][CK_ROUND_KEY_BYTES], expected[CK_ROUND_KEY_BYTES];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 32; i++) key[i] = (uint8_t)(i * 11 + k * 101 + 1);
        level->expand_key(keys[k], key);
        ck_level_portable.expand_key(expected, key);
        if (memcmp(keys[k], expected, sizeof expected) != 0) return false;
    }
    for (size_t i = 0; i < COUNTS; i++) {
        if (!agrees_on_ctr(level, keys, 0x00000000fffffff8, counts[i])) return false;
        if (!agrees_on_ctr(level, keys, 0 - (uint64_t)counts[i], counts[i])) return false;
        if (!agrees_on_cbc_decryption(level, keys[0], counts[i])) return false;
    }
    return agrees_on_cbc_encryption(level, keys);
}

bool ck_crc_proves_itself(const ck_crc *crc) {
    uint8_t bytes[TEST_BYTES];
    fill(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < COUNTS; i++) {
        // Lengths, starts and continued sums that are no multiples of anything.
        const size_t start = i, count = counts[i] * CK_BLOCK - i;
        const uint32_t before = (uint32_t)(0x9e3779b9 * i);
        const uint8_t *from = bytes + start;
        if (crc->crc32(before, from, count) != ck_crc_portable.crc32(before, from, count)) return false;
        if (crc->crc32c(before, from, count) != ck_crc_portable.crc32c(before, from, count)) return false;
    }
    return true;
}
