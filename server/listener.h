#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server.h"
#include "server/admin_service.h"
#include "server/authorizer.h"
#include "server/inference_service.h"
#include "server/inspect_service.h"
#include "server/net/acceptor.h"
#include "server/net/connections.h"
#include "server/server_options.h"

namespace metagraph {

// A gRPC server on some addresses, and the services that it offers there.
class Listener {
 public:
  Listener(const InspectHandler& inspect, const InferenceHandler& inference,
           const AdminHandler& admin, const CallSupport& support,
           const Authorizer::Rules& rules, Connections& connections);

  struct Address {
    std::string address;
    std::shared_ptr<grpc::ServerCredentials> credentials;
  };
  // Binds and begins to answer, as NOT_SERVING. UNAVAILABLE names the address
  // that cannot be bound, and why. `channelz`: also tells of connections.
  // `memory` bounds what gRPC holds of messages that come and go.
  absl::Status Start(const std::vector<Address>& addresses,
                     const ServerOptions& options,
                     const grpc::ResourceQuota& memory, bool channelz);

  // By the names that grpc.health.v1 knows them.
  static std::vector<std::string> Services();
  // What grpc.health.v1 says of a service.
  void SetServing(const std::string& service, bool serving);

  // From now on nobody can connect.
  void StopListening() { acceptor_.reset(); }

  // Ends the streams that would otherwise outlast a drain.
  void EndWatches() { inspect_.EndWatches(); }

  // Takes no more connections and calls; calls still running at `deadline` are
  // cancelled.
  void Shutdown(absl::Time deadline);

  // The addresses with the ports that were chosen, in their order.
  const std::vector<std::string>& bound() const { return bound_; }

 private:
  const Authorizer authorizer_;
  CallSupport support_;
  InspectService inspect_;
  InferenceService inference_;
  SessionService session_;
  AdminService admin_;
  Connections& connections_;
  std::unique_ptr<grpc::Server> server_;
  // Hands connections to server_.
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<std::string> bound_;
};

}  // namespace metagraph
