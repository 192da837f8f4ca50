/* hub_cache.h - the Hugging Face cache of this user, read without the network.
 *
 *     ROOT/models--ORG--NAME/refs/main                 40 hex digits: a commit
 *                            snapshots/COMMIT/FILE     link to ../../blobs/ETAG
 *                            blobs/ETAG                64 hex digits: the SHA-256 of the file
 *
 * ROOT is $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub,
 * as the library huggingface_hub has it.
 */
#ifndef HF_SRC_HUB_CACHE_H
#define HF_SRC_HUB_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include "src/error.h"

/* ROOT; HF_EMODEL if no variable and no home folder says where. */
int hf_hub_root(char *path, size_t size, hf_error *err);

/* Could text be ORG/NAME, NAME or either with @REVISION? Letters, digits, '-', '_', '.', at most one '/'. */
bool hf_hub_is_name(const char *text);

/*
 * The folder of a repository's snapshot. repo: "ORG/NAME" or "ORG/NAME@REVISION" (a branch, a tag or a commit); without
 * one, main, and where main is not there, the only snapshot that is. HF_EMODEL: not in the cache; the text says
 * where it was looked for and how to download it. HF_EARG: not a name.
 */
int hf_hub_snapshot(char *path, size_t size, const char *repo, hf_error *err);

/* The checksum that the cache knows for a file of a snapshot: 64 hex digits into sum[65]; false if the file is not a
 * link to a blob of such a name. */
bool hf_hub_sha256(char sum[65], const char *path);

#endif
