// The level in use. Private to this target.
#ifndef CKEYSTREAM_DISPATCH_H
#define CKEYSTREAM_DISPATCH_H

#include "levels.h"

/// The level in use, chosen at the first call. Safe in every thread.
const ck_level *ck_dispatch(void);

/// The CRCs in use: the level's, or the portable ones where the machine lacks those. Safe in every thread.
const ck_crc *ck_crc_dispatch(void);

/// Whether the level gives the portable one's bytes. Runs its instructions.
bool ck_level_proves_itself(const ck_level *level);

/// Whether the sums are the portable ones. Runs the implementation's instructions.
bool ck_crc_proves_itself(const ck_crc *crc);

#endif
