#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/error_details.h"
#include "core/model/model_manager.h"
#include "core/tensor/tensor_proto.h"
#include "gmock/gmock.h"
#include "server/handlers/admin_handler.h"
#include "server/handlers/inference_handler.h"
#include "server/handlers/inspect_handler.h"
#include "tests/support/seed_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {

// The handlers with the seed model, loaded as "seed".
class HandlerTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteSeedModel(fs(), dir_.path());
    ASSERT_OK(models_.Load("seed", dir_.path()));
  }

  static FileSystem& fs() { return FileSystem::Posix(); }
  std::string Path(const std::string& name) const { return dir_.Join(name); }

  static ModelEnvironment Environment() {
    static const auto* ops = OpRegistry::Create()->release();
    ModelEnvironment out;
    out.ops = ops;
    out.files = &fs();
    out.clock = &Clock::Real();
    return out;
  }
  static void AddFeed(
      const std::string& name, const Tensor& value,
      google::protobuf::RepeatedPtrField<tensorflow::NamedTensorProto>* feeds) {
    auto* feed = feeds->Add();
    feed->set_name(name);
    TensorToProto(value, feed->mutable_tensor());
  }
  static v1::RunRequest SeedRun() {
    v1::RunRequest request;
    request.set_model("seed");
    AddFeed("W3:0", FloatVector({1, 2, 3, 4}), request.mutable_feed());
    request.add_fetch("add1:0");
    return request;
  }
  static std::vector<float> ValuesOf(const tensorflow::TensorProto& proto) {
    auto tensor = TensorFromProto(proto);
    EXPECT_OK(tensor);
    return tensor.ok() ? Values<float>(*tensor) : std::vector<float>();
  }
  // A detail of an error, "" if it has none.
  static std::string Detail(const absl::Status& status,
                            const std::string& key) {
    const std::map<std::string, std::string> details = DetailsOf(status);
    const auto it = details.find(key);
    return it == details.end() ? "" : it->second;
  }

  TempDir dir_;
  CallContext call_;
  ModelManager models_{Environment()};
  InspectHandler inspect_{models_};
  InferenceHandler inference_{models_};
  AdminHandler admin_{models_};
};

}  // namespace metagraph
