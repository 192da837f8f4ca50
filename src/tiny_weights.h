/* tiny_weights.h - the file src/tiny.safetensors, compiled into the program. */
#ifndef HF_SRC_TINY_WEIGHTS_H
#define HF_SRC_TINY_WEIGHTS_H

#include <stddef.h>

extern const unsigned char hf_tiny_weights[]; /* aligned to 64 */
size_t hf_tiny_weights_bytes(void);

#endif
