#include "server/watched_file.h"

#include <openssl/sha.h>

#include <utility>

#include "core/base/status.h"
#include "glog/logging.h"

namespace metagraph {
namespace {

constexpr auto kBetweenLooks = std::chrono::seconds(1);

// Of a file with secrets only this is kept.
std::string DigestOf(absl::string_view text) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WatchedFile>> WatchedFile::Open(
    FileSystem& files, const std::string& path, Use use) {
  std::unique_ptr<WatchedFile> out(
      new WatchedFile(files, path, std::move(use)));
  {
    MutexLock looking(out->looking_);
    RETURN_IF_ERROR(out->Take().status());
  }
  out->thread_ = std::thread([file = out.get()] { file->Watch(); });
  return out;
}

WatchedFile::~WatchedFile() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::string> WatchedFile::Take() {
  const auto text = ReadFile(files_, path_, use_.max_bytes);
  if (!text.ok()) return Annotate(text.status(), use_.flag, ": ");
  std::string digest = DigestOf(*text);
  if (digest == taken_) return "";
  auto told = use_.take(*text);
  if (!told.ok()) return Annotate(told.status(), use_.flag, " ", path_, ", ");
  taken_ = std::move(digest);
  return absl::StrCat(use_.flag, " ", path_, " read again: ", *told);
}

void WatchedFile::Look() {
  MutexLock looking(looking_);
  const auto told = Take();
  if (told.ok()) {
    trouble_.clear();
    if (!told->empty()) LOG(INFO) << *told;
    return;
  }
  if (use_.lose) {
    use_.lose();
    taken_.clear();
  }
  if (trouble_ == told.status().message()) return;
  trouble_ = std::string(told.status().message());
  LOG(WARNING) << trouble_
               << (use_.lose ? "; what was read before holds no more"
                             : "; what was read before still holds");
}

void WatchedFile::Watch() {
  while (true) {
    {
      MutexLock lock(mu_);
      if (!stopping_) wake_.WaitFor(mu_, kBetweenLooks);
      if (stopping_) return;
    }
    Look();
  }
}

}  // namespace metagraph
