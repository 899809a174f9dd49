// The CRCs of AArch64 processors by the instructions of ARMv8.1 (optional in 8.0), eight bytes at a time.
#if defined(__aarch64__)

#include <arm_acle.h>
#include <string.h>

#include "levels.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#define TARGET __attribute__((target("crc")))

static bool available(void) {
#if defined(__APPLE__)
    return true;  // every 64-bit processor of Apple's that runs macOS
#elif defined(__linux__)
    enum { HWCAP_CRC32_BIT = 1 << 7 };  // Linux, Documentation/arch/arm64/elf_hwcaps.rst
    return (getauxval(AT_HWCAP) & HWCAP_CRC32_BIT) != 0;
#else
    return false;
#endif
}

TARGET static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        crc = __crc32d(crc, word);
    }
    for (; count > 0; bytes++, count--) crc = __crc32b(crc, *bytes);
    return ~crc;
}

TARGET static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; bytes++, count--) crc = __crc32cb(crc, *bytes);
    return ~crc;
}

const ck_crc ck_crc_armv8 = {"armv8-crc", available, crc32, crc32c};

#endif
