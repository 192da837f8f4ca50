/* runtime.h - what the two halves of the emulation tell each other: fibers.cpp runs a grid, cudart.cpp says when. */
#ifndef HF_EMULATION_RUNTIME_H
#define HF_EMULATION_RUNTIME_H

#include "tests/emulation/emulate.h"

typedef struct hf_emulated_grid {
    const char           *name;
    dim3                  grid, block;
    size_t                shared_bytes;
    std::function<void()> thread; /* the kernel with its arguments */
} hf_emulated_grid;

/* Runs every block. One grid at a time: the caller holds the runtime's lock. */
void hf_emulated_run(const hf_emulated_grid &grid);

/* Most dynamic shared memory that a block may have, as the device reports it. */
enum { HF_EMULATED_SHARED_MOST = 227 * 1024, HF_EMULATED_SHARED_UNASKED = 48 * 1024 };

#endif
