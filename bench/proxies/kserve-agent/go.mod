module driftline.bench/kserve-agent

go 1.23

// cmd/agent v0.15.2
