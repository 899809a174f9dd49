// The level in use. Private to this target.
#ifndef CKEYSTREAM_DISPATCH_H
#define CKEYSTREAM_DISPATCH_H

#include "levels.h"

/// The level in use, chosen at the first call. Safe in every thread.
const ck_level *ck_dispatch(void);

#endif
