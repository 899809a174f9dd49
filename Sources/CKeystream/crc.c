// CRCs on any processor, eight bytes a step ("slicing-by-8"), and the choice between them and the processor's own.
#include "CKeystream.h"
#include "dispatch.h"
#include "levels.h"

/// The CRC of each byte with 0 to 7 zero bytes behind it, by their number.
typedef uint32_t crc_tables[8][256];

static crc_tables crc32_tables, crc32c_tables;

/// From a polynomial whose bit 31 is the coefficient of 1 (both CRCs take the lowest bit of a byte first).
static void fill_tables(crc_tables tables, uint32_t polynomial) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        tables[0][byte] = crc;
    }
    for (int zeros = 1; zeros < 8; zeros++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = tables[zeros - 1][byte];
            tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

/// Runs before the program's first line: 4096 entries are quick to make and long to read.
__attribute__((constructor)) static void fill_all_tables(void) {
    fill_tables(crc32_tables, 0xedb88320);
    fill_tables(crc32c_tables, 0x82f63b78);
}

static inline uint32_t load_le32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t sum(const crc_tables tables, uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint32_t low = crc ^ load_le32(bytes), high = load_le32(bytes + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
              tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^ tables[1][high >> 16 & 0xff] ^
              tables[0][high >> 24];
    }
    for (; count > 0; bytes++, count--) crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 0xff];
    return ~crc;
}

static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
    return sum(crc32_tables, crc, bytes, count);
}

static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return sum(crc32c_tables, crc, bytes, count);
}

static bool available(void) {
    return true;
}

const ck_crc ck_crc_portable = {"portable", available, crc32, crc32c};

uint32_t ck_crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
    return ck_crc_dispatch()->crc32(crc, bytes, count);
}

uint32_t ck_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return ck_crc_dispatch()->crc32c(crc, bytes, count);
}

const char *ck_crc_name(void) {
    return ck_crc_dispatch()->name;
}
