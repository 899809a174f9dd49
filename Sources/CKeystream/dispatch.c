// Which level runs: the fastest that the machine has and that proves itself against the portable one.
#include "dispatch.h"

#include <stdatomic.h>

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
static _Atomic(const ck_crc *) crc_in_use;

static bool is_usable(const ck_level *level) {
    return level->available() && (level == &ck_level_portable || ck_level_proves_itself(level));
}

static const ck_crc *crc_of(const ck_level *level) {
    return level->crc->available() && ck_crc_proves_itself(level->crc) ? level->crc : &ck_crc_portable;
}

const ck_level *ck_dispatch(void) {
    const ck_level *level = atomic_load_explicit(&level_in_use, memory_order_acquire);
    if (__builtin_expect(level != NULL, 1)) return level;
    int index = 0;
    while (index < LEVEL_COUNT - 1 && !is_usable(levels[index])) index++;
    atomic_store_explicit(&level_in_use, levels[index], memory_order_release);
    return levels[index];
}

const ck_crc *ck_crc_dispatch(void) {
    const ck_crc *crc = atomic_load_explicit(&crc_in_use, memory_order_acquire);
    if (__builtin_expect(crc != NULL, 1)) return crc;
    crc = crc_of(ck_dispatch());
    atomic_store_explicit(&crc_in_use, crc, memory_order_release);
    return crc;
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
    atomic_store_explicit(&crc_in_use, crc_of(levels[level]), memory_order_release);
    return 1;
}
