#pragma once

namespace metagraph {

// From now on connections whose TLS handshake fails, because a certificate is
// expired or signed by others say, are written to our log, one a second at
// most: no call comes of them that would be. All else that gRPC says is left
// out. For the whole process.
void LogFailedHandshakes();

}  // namespace metagraph
