/* arena.h - a bump allocator on a backend's memory: one block for weights, one for scratch.
 *
 * Life of an arena: it is new and only measures; whoever will use it runs through its
 * takes once; `seal` allocates one block of the peak; from then on it never grows.
 *
 *     hf_arena_new(&a, be, "unet scratch", err);
 *     plan_network(net, a);              takes: views of NULL, shapes right
 *     hf_arena_seal(a, 0, err);          one allocation
 *     each frame: hf_arena_reset(a); run_network(net, a);    the same takes: memory
 *
 * Scratch inside a network is given back by mark and rewind, as a stack.
 */
#ifndef HF_SRC_ARENA_H
#define HF_SRC_ARENA_H

#include "src/backend.h"

typedef struct hf_arena hf_arena;

/* name stands in error texts and is borrowed. The backend must outlive the arena. */
int  hf_arena_new(hf_arena **out, hf_backend *be, const char *name, hf_error *err);
void hf_arena_free(hf_arena **arena);

/* Allocate max(peak of the takes so far, bytes) and reset. A second seal is HF_EARG. */
int hf_arena_seal(hf_arena *arena, size_t bytes, hf_error *err);

/*
 * A tensor of the next free bytes, aligned to 64. Contents are what was there before:
 * zeros on first use. Unsealed: data is NULL. Sealed and not enough left:
 * HF_ENOMEM, with what was wanted and what is left; out is then empty.
 * hf_arena_take(a, &t, err, HF_F32, 3, h, w, D)
 */
int hf_arena_take_shape(hf_arena *arena, hf_tensor *out, hf_error *err, hf_dtype dtype, int n_dims,
                        const int64_t *shape);
#define hf_arena_take(arena, out, err, dtype, n_dims, ...) \
    hf_arena_take_shape(arena, out, err, dtype, n_dims, (const int64_t[]){__VA_ARGS__})

/* Everything taken since mark is free again after rewind to it. */
size_t hf_arena_mark(const hf_arena *arena);
void   hf_arena_rewind(hf_arena *arena, size_t mark);
void   hf_arena_reset(hf_arena *arena);

size_t hf_arena_peak(const hf_arena *arena); /* most bytes in use at once, ever */
size_t hf_arena_size(const hf_arena *arena); /* bytes allocated; 0 before seal */

#endif
