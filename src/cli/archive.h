/* archive.h - a file that lists what is done, so that it is not done again: --archive.
 *
 * One line a run: its digest (settings and files read, 16 hex digits), a blank, its name. Lines are added by one
 * write each, so that several processes can share the file.
 */
#ifndef HF_SRC_CLI_ARCHIVE_H
#define HF_SRC_CLI_ARCHIVE_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_archive hf_archive;

/* A file that is not there is empty. HF_EIO; HF_EFORMAT for a line of another form; HF_ENOMEM. */
int  hf_archive_read(hf_archive **out, const char *path, hf_error *err);
void hf_archive_free(hf_archive **archive);

/* archive NULL: 0. */
int hf_archive_has(const hf_archive *archive, uint64_t digest);

/* HF_EIO. Control characters of the name become '?'. */
int hf_archive_add(const char *path, uint64_t digest, const char *name, hf_error *err);

#endif
