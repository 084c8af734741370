/* What a template receives first: the way to every other interface. */
#ifndef DREAM_ABI_HOST_H
#define DREAM_ABI_HOST_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dream_host dream_host;
struct dream_host {
  uint32_t struct_size;
  uint32_t sdk_major; /* of the host */
  uint32_t sdk_minor;

  /* The interface struct with this id ("dream.run/1", NUL-terminated), or null if there is none.
   * Owned by the host, valid for the life of the process. [any thread] */
  const void* (*query)(const dream_host* host, const char* interface_id);

  /* A new status; copies the message. Never null. [any thread] */
  dream_status* (*status_create)(const dream_host* host, int32_t code, dream_str message);
  /* dream_code of a non-null status. [any thread] */
  int32_t (*status_code)(const dream_status* status);
  /* Message of a non-null status, valid until it is destroyed. [any thread] */
  dream_str (*status_message)(const dream_status* status);
  /* Frees a status; null is allowed. [any thread] */
  void (*status_destroy)(dream_status* status);
};

#ifdef __cplusplus
}
#endif
#endif
