// The denoise loop's view of a scheduler: which timesteps to run and how one step turns the
// model's output into the next sample. One instance per picture, because the multistep methods
// remember earlier outputs. Names and numbers equal diffusers 0.42.1.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace dream::engine {

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Lays out the timesteps of one picture and forgets what earlier steps left. Throws InvalidInput
  // when the number is below 1 or above what the scheduler was trained with.
  virtual void set_timesteps(int num_inference_steps) = 0;

  // Calls of step() that make up one inference step on average: 2 for Heun. img2img leaves out the
  // first order() * n of timesteps().
  virtual int order() const { return 1; }

  // The first of timesteps() that will be run, by index: image to image starts amid the list.
  // To be called after set_timesteps(), before the first step. Methods that know their place by the
  // timestep alone have no use for it.
  virtual void set_begin_index(std::size_t /*index*/) {}

  // In the order they are run, highest noise first; whole numbers for DDIM, PNDM, LCM, DPM-Solver
  // and UniPC. May be longer than num_inference_steps (PNDM, Heun).
  virtual const std::vector<double>& timesteps() const = 0;

  // Factor on unit Gaussian noise that makes the first sample.
  virtual double init_noise_sigma() const { return 1.0; }

  virtual at::Tensor scale_model_input(const at::Tensor& sample, double /*timestep*/) {
    return sample;
  }

  // The sample one timestep nearer to the picture; same shape, type and device as `model_output`.
  // To be called once for each of timesteps(), in order. Noise, where the method needs any, is
  // drawn from `generator` on the CPU in fp32.
  virtual at::Tensor step(const at::Tensor& model_output, double timestep, const at::Tensor& sample,
                          at::Generator& generator) = 0;

  // `original` with as much noise as a sample has at `timestep`.
  virtual at::Tensor add_noise(const at::Tensor& original, const at::Tensor& noise,
                               double timestep) const = 0;
};

struct SchedulerOptions {
  bool karras = false;  // Karras sigma spacing (arXiv 2206.00364, eq. 5)
  double eta = 0;       // DDIM alone: share of the noise that each step puts back
  double strength = 1;  // LCM alone: share of the noise levels that the steps are laid out over
};

// The scheduler called `name` (scheduler_names in engine.hpp) as `config` sets it up. The config is
// the weights' scheduler_config.json and may have been written by another class: as in diffusers'
// from_config, keys the class does not take are left aside. Throws InvalidInput for an unknown
// name, for Karras spacing or eta where there is none, std::runtime_error for a config key or value
// that is unknown or not supported.
std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const nlohmann::json& config,
                                          const SchedulerOptions& options);

// The constructors behind make_scheduler, one per file.
std::unique_ptr<Scheduler> make_ddim(const nlohmann::json& config, double eta);
std::unique_ptr<Scheduler> make_dpmsolver_multistep(const nlohmann::json& config, bool karras);
std::unique_ptr<Scheduler> make_euler_ancestral_discrete(const nlohmann::json& config);
std::unique_ptr<Scheduler> make_euler_discrete(const nlohmann::json& config, bool karras);
std::unique_ptr<Scheduler> make_heun_discrete(const nlohmann::json& config, bool karras);
std::unique_ptr<Scheduler> make_lcm(const nlohmann::json& config, double strength);
std::unique_ptr<Scheduler> make_lms_discrete(const nlohmann::json& config, bool karras);
std::unique_ptr<Scheduler> make_pndm(const nlohmann::json& config);
std::unique_ptr<Scheduler> make_unipc_multistep(const nlohmann::json& config, bool karras);

}  // namespace dream::engine
