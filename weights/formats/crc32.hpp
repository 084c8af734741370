// The checksum of zip entries: CRC-32 (IEEE 802.3, reflected).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dream::weights {

// The checksum of what `crc` is of, followed by `bytes`; begin with 0.
std::uint32_t add_to_crc(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace dream::weights
