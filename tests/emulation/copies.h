/* copies.h - what has crossed between host and emulated device so far; for tests, which find it with dlsym. */
#ifndef HF_EMULATION_COPIES_H
#define HF_EMULATION_COPIES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hf_emulated_copies {
    int64_t n_up, up_bytes;     /* host to device */
    int64_t n_down, down_bytes; /* device to host */
} hf_emulated_copies;

typedef void hf_emulated_count_copies_fn(hf_emulated_copies *copies);
__attribute__((visibility("default"))) hf_emulated_count_copies_fn hf_emulated_count_copies;

#ifdef __cplusplus
}
#endif

#endif
