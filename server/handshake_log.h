#pragma once

namespace metagraph {

// From now on connections whose TLS handshake fails, because a client speaks
// in the clear or does not trust us say, are written to our log, one a second
// at most: no call comes of them that would be. All else that gRPC says is left
// out. For the whole process.
void LogFailedHandshakes();

}  // namespace metagraph
