/* tiny_weights.c - the assembler copies the file in; a C array of it would be ten times its size and slow to compile. */
#include "src/tiny_weights.h"

#include "tiny_weights_path.h" /* made by the build, anew when the file changes: HF_TINY_WEIGHTS */

__asm__(".section .rodata\n"
        ".balign 64\n"
        ".global hf_tiny_weights\n"
        "hf_tiny_weights:\n"
        ".incbin \"" HF_TINY_WEIGHTS "\"\n"
        ".global hf_tiny_weights_end\n"
        "hf_tiny_weights_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const unsigned char hf_tiny_weights_end[];

size_t hf_tiny_weights_bytes(void) { return (size_t)(hf_tiny_weights_end - hf_tiny_weights); }
