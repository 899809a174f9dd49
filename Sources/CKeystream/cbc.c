// CBC streams: which ones run side by side, and where each goes on.
#include <string.h>

#include "CKeystream.h"
#include "dispatch.h"
#include "levels.h"

_Static_assert(sizeof(((ck_cbc *)0)->round_keys) == CK_ROUND_KEY_BYTES, "round keys of AES-256");
_Static_assert(sizeof(((ck_cbc *)0)->chain) == CK_BLOCK, "a block");

void ck_cbc_init(ck_cbc *stream, const uint8_t *key, const uint8_t *iv) {
    ck_dispatch()->expand_key((uint8_t *)stream->round_keys, key);
    memcpy(stream->chain, iv, CK_BLOCK);
}

void ck_cbc_encrypt(const ck_cbc_job *jobs, size_t count) {
    const ck_level *level = ck_dispatch();
    ck_lane lanes[CK_LANES];
    size_t blocks_left[CK_LANES], running = 0, next = 0;
    for (;;) {
        for (; running < CK_LANES && next < count; next++) {
            const ck_cbc_job *job = &jobs[next];
            if (job->blocks == 0) continue;
            lanes[running] = (ck_lane){(const uint8_t *)job->stream->round_keys, job->stream->chain, job->bytes};
            blocks_left[running++] = job->blocks;
        }
        if (running == 0) return;

        // As far as the shortest lane goes; another job then takes its place.
        size_t part = blocks_left[0];
        for (size_t i = 1; i < running; i++) {
            if (blocks_left[i] < part) part = blocks_left[i];
        }
        level->cbc_encrypt(lanes, running, part);
        size_t kept = 0;
        for (size_t i = 0; i < running; i++) {
            if (blocks_left[i] == part) continue;
            lanes[kept] = lanes[i];
            lanes[kept].bytes += part * CK_BLOCK;
            blocks_left[kept++] = blocks_left[i] - part;
        }
        running = kept;
    }
}

void ck_cbc_decrypt(ck_cbc *stream, uint8_t *dst, const uint8_t *src, size_t blocks) {
    if (blocks == 0) return;
    ck_dispatch()->cbc_decrypt((const uint8_t *)stream->round_keys, stream->chain, dst, src, blocks);
}
