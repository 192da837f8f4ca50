/* sd_parts.h - inside hf_sd_files: what sd_files.c has opened, for sd_settle.c, which reads from it what model this is. */
#ifndef HF_SRC_SD_PARTS_H
#define HF_SRC_SD_PARTS_H

#include "src/sd_files.h"
#include "src/sd_names.h"

#define HF_SD_PREFIX 64 /* bytes of a prefix of names */

/* What is behind hf_sd_files.own. */
typedef struct hf_sd_own {
    hf_tensor_file *file[HF_SD_N_PARTS]; /* a single file is file[0] alone */
    hf_weights     *weights[HF_SD_N_PARTS];
    hf_sd_names     names[HF_SD_N_PARTS];
    char            prefix[HF_SD_N_PARTS][HF_SD_PREFIX];
} hf_sd_own;

/* Print a path of HF_SD_PATH bytes; HF_EARG if it is longer. */
int hf_sd_join(char *path, hf_error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Is there an array of this name under the prefix? */
bool hf_sd_has(const hf_tensor_file *file, const char *prefix, const char *name);

/*
 * Fill in what the opened parts are: family, sizes, prediction, tokenizer; from shapes first, then from the config files.
 * wanted: how the U-Net predicts, if the user knows. HF_EMODEL: another kind of model, or parts that do not fit each other; what
 * sd_config.h returns.
 */
int hf_sd_settle(hf_sd_files *files, hf_sd_prediction wanted, hf_error *err);

#endif
