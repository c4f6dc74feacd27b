"""The press: runs at full scale, dossiers, publishing, experiments and the benchmark."""
