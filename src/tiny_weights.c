/* tiny_weights.c - the assembler copies the file into the program: as a C array it would be ten times its size and slow
 * to compile. */
#include "src/tiny_weights.h"

#include "tiny_weights_path.h" /* made by the build, anew when the file changes: HF_TINY_WEIGHTS, HF_TINY_WEIGHTS_SUM */

/* Hidden: both names are one program's own. The checksum is there for compiler caches, which compare this text and do
 * not see the file behind it. */
__asm__("/* " HF_TINY_WEIGHTS_SUM " */\n"
        ".pushsection .rodata\n"
        ".balign 64\n"
        ".hidden hf_tiny_weights_begin\n"
        ".global hf_tiny_weights_begin\n"
        "hf_tiny_weights_begin:\n"
        ".incbin \"" HF_TINY_WEIGHTS "\"\n"
        ".hidden hf_tiny_weights_end\n"
        ".global hf_tiny_weights_end\n"
        "hf_tiny_weights_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const unsigned char hf_tiny_weights_begin[], hf_tiny_weights_end[];

int hf_tiny_weights_open(hf_tensor_file **out, hf_error *err)
{
    size_t n_bytes = (size_t)(hf_tiny_weights_end - hf_tiny_weights_begin);
    return hf_tensor_file_open_memory(out, hf_tiny_weights_begin, n_bytes, HF_TINY_WEIGHTS_NAME, err);
}
