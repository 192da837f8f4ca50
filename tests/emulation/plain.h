/* plain.h - what gemm_plain.cpp, conv_plain.cpp and attention_plain.cpp share: numbers of any type, plans that are only a
 * shape, and cuDNN. */
#ifndef HF_EMULATION_PLAIN_H
#define HF_EMULATION_PLAIN_H

#include "tests/emulation/emulate.h"

#include <vector>

extern "C" {
#include "src/error.h"
#include "src/ops.h"
}

#include "cuda/activation.cuh"
#include "cuda/element.cuh"

static inline float hf_plain_load(const void *p, int32_t dtype, int64_t i)
{
    float v[1];
    hf_load_as(v, p, (hf_dtype)dtype, i);
    return v[0];
}

static inline void hf_plain_store(void *p, int32_t dtype, int64_t i, float v)
{
    HF_FOR_FLOAT(dtype, T, static_cast<T *>(p)[i] = hf_from_float<T>(v))
}

/* The activation of one number. */
static inline float hf_plain_activate(float v, int32_t activation)
{
    float one[1] = { v };
    hf_activate(one, (hf_activation)activation);
    return one[0];
}

static inline bool hf_plain_is_aligned(const void *p, int32_t bytes)
{
    return (uintptr_t)p % (uintptr_t)bytes == 0;
}

/* In the place of cuDNN, of two kinds of plans: conv_plain.cpp opens it. */
struct hf_cudnn_library {
    cudaStream_t stream;
    int          n_plans; /* that are still there */
};

/* The library counts its plans: all of them are freed before it. */
template <typename Library> static inline void hf_plain_close(Library **library)
{
    assert(!*library || (*library)->n_plans == 0);
    delete *library;
    *library = nullptr;
}

/* A plan of a shape, with up to three ways to run it that are all the same one. */
template <typename Library, typename Shape> struct hf_plain_plan {
    enum { MOST_WAYS = 3 };
    Library *library;
    Shape    shape;
    int      n_candidates, chosen;

    hf_plain_plan(Library *l, const Shape &s, int n_wanted)
        : library(l), shape(s), n_candidates(n_wanted < MOST_WAYS ? n_wanted : (int)MOST_WAYS), chosen(0)
    {
        library->n_plans++;
    }
    ~hf_plain_plan() { library->n_plans--; }
    void choose(int candidate)
    {
        assert(candidate >= 0 && candidate < n_candidates);
        chosen = candidate;
    }
    void describe(char *text, size_t size) const
    {
        snprintf(text, size, "plain loops, way %d of %d", chosen + 1, n_candidates);
    }
};

#endif
