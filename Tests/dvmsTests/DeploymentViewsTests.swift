import Deployer
import Settings
import Testing
import dvms

@Suite("How far a deployment is")
struct DeploymentViewsTests {
    @Test(
        "is told with its job",
        arguments: [
            (JobRecord.State.asked, "Slurm job dvms-a-1, asked with 3 hosts"),
            (.queued(number: 12), "Slurm job 12 (dvms-a-1), queued with 3 hosts"),
            (.running(number: 12), "Slurm job 12 (dvms-a-1), running with 3 hosts"),
        ])
    func job(state: JobRecord.State, line: String) throws {
        let base = DeploymentBase(
            name: "a",
            network: FleetNetwork(
                subnet: try #require(IPv4Subnet("10.0.0.0/24")), isolation: .none, domain: "vm.example"),
            vxlan: 1, image: ImageReference(name: "a", file: "a.qcow2", sha256: nil))
        let job = JobRecord(system: .slurm, name: "dvms-a-1", hosts: 3, state: state)
        let view = DeploymentStatusView(DeploymentRecord(base: base, job: job), now: 0)
        #expect(view.text.hasPrefix("\(line)\n\nHOST"), "\(view.text)")
        #expect(try view.json().contains("\"name\":\"dvms-a-1\""))
        #expect(!DeploymentStatusView(DeploymentRecord(base: base), now: 0).text.contains("job"))
    }
}
