// Which Cog the wire equals. Clients read it as `cog_version` and in the OpenAPI document.
#pragma once

namespace dream::host {

inline constexpr char cog_wire_version[] = "0.23.1";
#ifdef DREAM_VERSION
inline constexpr char dream_version[] = DREAM_VERSION;
#else
inline constexpr char dream_version[] = "unknown";
#endif

}  // namespace dream::host
