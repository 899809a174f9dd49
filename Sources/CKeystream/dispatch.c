// Which level runs: the fastest that the machine has and that proves itself against the portable one.
#include "dispatch.h"

#include <stdatomic.h>
#include <string.h>

#include "CKeystream.h"

static const ck_level *const levels[] = {
#if defined(__x86_64__)
    &ck_level_avx512_vaes,
    &ck_level_avx2_vaes,
    &ck_level_aes_ni,
#elif defined(__aarch64__)
    &ck_level_armv8,
#endif
    &ck_level_portable,
};

enum { LEVEL_COUNT = sizeof levels / sizeof levels[0] };

/// NULL until first asked for. Threads that ask at once choose alike, so it does not matter who stores last.
static _Atomic(const ck_level *) level_in_use;

enum { TEST_BLOCKS = 67 };

/// Compares one call of each entry with the portable level, from a counter `low` on.
static bool agrees_on(const ck_level *level, uint8_t keys[2][CK_ROUND_KEY_BYTES], uint64_t low, size_t count) {
    uint8_t text[TEST_BLOCKS * CK_BLOCK], expected[sizeof text], actual[sizeof text];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7 + count);
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

/// Whether the level gives the portable one's bytes: its key schedule, the remainders of its loops, a counter that
/// carries into its next bytes, and the last counter before the carry that callers take care of.
static bool proves_itself(const ck_level *level) {
    static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 14, 16, 19, 31, TEST_BLOCKS};
    uint8_t key[32], keys[2][CK_ROUND_KEY_BYTES], expected[CK_ROUND_KEY_BYTES];
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 32; i++) key[i] = (uint8_t)(i * 11 + k * 101 + 1);
        level->expand_key(keys[k], key);
        ck_level_portable.expand_key(expected, key);
        if (memcmp(keys[k], expected, sizeof expected) != 0) return false;
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (!agrees_on(level, keys, 0x00000000fffffff8, counts[i])) return false;
        if (!agrees_on(level, keys, 0 - (uint64_t)counts[i], counts[i])) return false;
    }
    return true;
}

static bool is_usable(const ck_level *level) {
    return level->available() && (level == &ck_level_portable || proves_itself(level));
}

const ck_level *ck_dispatch(void) {
    const ck_level *level = atomic_load_explicit(&level_in_use, memory_order_acquire);
    if (__builtin_expect(level != NULL, 1)) return level;
    int index = 0;
    while (index < LEVEL_COUNT - 1 && !is_usable(levels[index])) index++;
    atomic_store_explicit(&level_in_use, levels[index], memory_order_release);
    return levels[index];
}

const char *ck_level_name(void) {
    return ck_dispatch()->name;
}

int ck_level_count(void) {
    return LEVEL_COUNT;
}

int ck_level_available(int level) {
    return level >= 0 && level < LEVEL_COUNT && is_usable(levels[level]);
}

int ck_level_select(int level) {
    if (!ck_level_available(level)) return 0;
    atomic_store_explicit(&level_in_use, levels[level], memory_order_release);
    return 1;
}
