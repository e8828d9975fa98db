// Has SimGrid's live-migration plugin migrate the guests of one case, and prints how long each took.
//
//     migrations GUESTS MEMORY_MIB SPEED_MIB_S DIRTY_PERCENT CPU_PERCENT LINK_MBPS
//
// SPEED caps one migration, and a guest that computes all the time writes DIRTY_PERCENT of SPEED to its memory. Prints
// a JSON list of seconds, in rising order. SimGrid's own settings are left as they are: a TCP stream gets 0.97 of a
// link, the working set is nine tenths of the memory, and a guest may stand still for 30 ms.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <simgrid/plugins/live_migration.h>
#include <simgrid/s4u.hpp>

namespace s4u = simgrid::s4u;

namespace {
constexpr double core_speed = 1e9;
constexpr double latency_s = 50e-6;
// The plugin counts what a computation writes only if it began during the migration; so a guest does many short ones.
constexpr double computation_s = 0.01;

std::vector<double> seconds;

void compute(double cpu_share) {
    const double speed = core_speed * cpu_share;
    while (true) s4u::this_actor::exec_init(speed * computation_s)->set_bound(speed)->wait();
}

void migrate(s4u::VirtualMachine* guest, s4u::Host* destination) {
    const double began = s4u::Engine::get_clock();
    sg_vm_migrate(guest, destination);
    seconds.push_back(s4u::Engine::get_clock() - began);
    guest->destroy();
}

void make_hosts(int cores, double link_mbps) {
    auto* zone = s4u::create_star_zone("cluster");
    for (const char* name : {"source", "destination"}) {
        auto* host = zone->create_host(name, core_speed)->set_core_count(cores)->seal();
        auto* link = zone->create_split_duplex_link(std::string(name) + "-link", link_mbps * 1e6 / 8);
        link->set_latency(latency_s / 2)->seal();
        zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr,
                        {{link, s4u::LinkInRoute::Direction::UP}}, true);
    }
    zone->seal();
}
} // namespace

int main(int argc, char* argv[]) {
    s4u::Engine engine(&argc, argv);
    if (argc != 7) {
        std::fprintf(stderr, "usage: migrations GUESTS MEMORY_MIB SPEED_MIB_S DIRTY_PERCENT CPU_PERCENT LINK_MBPS\n");
        return 2;
    }
    const int guests = std::atoi(argv[1]);
    const double cpu_share = std::atof(argv[5]) / 100;
    sg_vm_live_migration_plugin_init();
    make_hosts(guests, std::atof(argv[6]));
    auto* source = engine.host_by_name("source");
    auto* destination = engine.host_by_name("destination");
    for (int number = 1; number <= guests; number++) {
        const std::string name = "guest" + std::to_string(number);
        auto* guest = sg_vm_create_migratable(source, name.c_str(), 1, std::atoi(argv[2]), std::atoi(argv[3]),
                                              std::atoi(argv[4]));
        guest->start();
        if (cpu_share > 0) s4u::Actor::create("work", guest, compute, cpu_share)->daemonize();
        s4u::Actor::create("migration", source, migrate, guest, destination);
    }
    engine.run();
    std::sort(seconds.begin(), seconds.end());
    std::printf("[");
    for (size_t index = 0; index < seconds.size(); index++) std::printf("%s%.3f", index ? ", " : "", seconds[index]);
    std::printf("]\n");
    return 0;
}
